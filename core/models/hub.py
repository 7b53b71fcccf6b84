# SPDX-License-Identifier: Apache-2.0

"""Published checkpoints: whether they are on this machine, and fetching them when they are not."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import UserError

log = logging.getLogger(__name__)
OnStep = Callable[[int, int], None]
RETRY_S, REACH_S = 300.0, 3.0  # between two tries to reach the hub; and for how long one waits
CAUSES = 4  # of an error, how far back the log goes
BOT = "SFconvertbot"  # opens a pull request of converted weights wherever someone asks the hub for one
# Pickled weights are left out on purpose: loading them can run code.
PATTERNS = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model")


class NoWeights(UserError):
    """The hub answered, but holds nothing for this model that the lab would load."""

    def __init__(self, model_id: str) -> None:
        super().__init__(
            f"{model_id} publishes no safetensors weights, and the lab loads no others. Choose another model."
        )


class Reach:
    """Whether the hub can be reached, as far as is known. Asking never waits: a thread tries, at most every RETRY_S seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tried = float("-inf")
        self._found: bool | None = None

    def __call__(self) -> bool | None:
        """None while nobody knows."""
        with self._lock:
            if time.monotonic() - self._tried > RETRY_S:
                self._tried = time.monotonic()
                threading.Thread(target=self._try, name="reach the hub", daemon=True).start()
            return self._found

    def _try(self) -> None:
        from huggingface_hub import constants

        address = urlsplit(constants.ENDPOINT)
        try:
            if constants.HF_HUB_OFFLINE:
                raise OSError("HF_HUB_OFFLINE is set")
            with socket.create_connection((address.hostname or "", address.port or 443), timeout=REACH_S):
                self._found = True
        except OSError as error:
            log.debug("the hub cannot be reached: %s", error)
            self._found = False


reachable = Reach()


def local_path(model_id: str, revision: str) -> Path | None:
    """The snapshot's folder in the hub's cache, or None when it is not (wholly) there."""
    for wanted in (revision, *_cached_conversions(model_id, revision)):
        try:
            path = _snapshot(model_id, wanted, local_files_only=True)
        except Exception as error:  # not in the cache, half there, or a cache of another layout: all mean "fetch it"
            log.debug("%s at %s is not in the cache: %s", model_id, wanted, _cause(error))
            continue
        if _has_weights(path):
            return path
    return None


def fetch(model_id: str, revision: str, on_step: OnStep | None = None) -> Path:
    """Download a snapshot, reporting (bytes done, bytes in all). Raises UserError when it cannot be had."""
    progress = {"tqdm_class": _reporter(on_step), "etag_timeout": 5}
    try:
        path = _snapshot(model_id, revision, **progress)
        if not _has_weights(path) and revision == "main":
            path = _snapshot(model_id, _conversion(model_id), **progress)
    except NoWeights:
        raise
    except Exception as error:  # no network, no such model, gated, disk full: the visitor's next step is the same
        log.warning("%s at %s could not be fetched: %s", model_id, revision, _cause(error))
        pinned = "" if revision == "main" else f" --revision {revision}"
        raise UserError(
            f"{model_id} is not on this machine and could not be fetched. Where there is a network, run "
            f"`hf download {model_id}{pinned}` and try again; or choose the built-in model, which needs none."
        ) from None
    if not _has_weights(path):
        raise NoWeights(model_id)
    return path


def push(folder: Path, repo: str, token: str) -> str:
    """Upload a model's folder as `repo` ("owner/name"), which is made private if it is new; its address.

    Raises UserError without a token, and when the hub refuses or cannot be reached.
    """
    from huggingface_hub import HfApi

    if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", repo, re.ASCII):
        raise UserError("Name the model on the hub as owner/name.")
    if not token:
        raise UserError(
            "Set HF_TOKEN to a token that may write, and start the lab again: the hub takes nothing without."
        )
    try:
        api = HfApi(token=token)
        address = str(api.create_repo(repo, private=True, exist_ok=True))
        api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Trained with VLM Lab")
    except Exception as error:
        log.warning("%s could not be pushed: %s", repo, _cause(error))
        raise UserError(f"The hub did not take {repo}. Check the network, and that HF_TOKEN may write there.") from None
    return address


def safetensors_revision(model_id: str) -> str:
    """The commit to pin: that of main, or else of the hub's own open pull request that adds safetensors.

    Raises NoWeights when there is neither, and UserError when the hub cannot be asked.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        main = HfApi().model_info(model_id)
        if any(re.fullmatch(r"[^/]+\.safetensors", file.rfilename) for file in main.siblings or []):
            return str(main.sha)
        return str(HfApi().model_info(model_id, revision=_conversion(model_id)).sha)
    except NoWeights:
        raise
    except RepositoryNotFoundError as error:  # gated models count as not found
        log.warning("%s is not there, or not for everyone: %s", model_id, _cause(error))
        raise NoWeights(model_id) from None
    except Exception as error:
        log.warning("the hub could not be asked about %s: %s", model_id, _cause(error))
        raise UserError(f"The hub could not be asked about {model_id}. Check the network and try again.") from None


def _cause(error: BaseException | None) -> str:
    """Classes of an error and of what led to it, with the status of an HTTP answer or what the system's error number means.
    The messages stay out of the log: those of the hub's client may hold signed addresses and headers."""
    parts: list[str] = []
    while error is not None and len(parts) < CAUSES:
        status = getattr(getattr(error, "response", None), "status_code", None)
        detail = status or (isinstance(error, OSError) and error.errno and os.strerror(error.errno))
        parts.append(f"{type(error).__name__} ({detail})" if detail else type(error).__name__)
        error = error.__cause__ or error.__context__
    return " < ".join(parts)


def _snapshot(model_id: str, revision: str, **options: Any) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model_id, revision=revision, allow_patterns=list(PATTERNS), **options))


def _has_weights(path: Path) -> bool:
    return any(path.glob("*.safetensors"))


def _conversion(model_id: str) -> str:
    """The ref ("refs/pr/N") where the hub's bot offers the same weights as safetensors. Raises NoWeights."""
    from huggingface_hub import HfApi

    for request in HfApi().get_repo_discussions(
        model_id, author=BOT, discussion_type="pull_request", discussion_status="open"
    ):
        if request.author == BOT and "safetensors" in request.title and request.git_reference:
            return request.git_reference
    raise NoWeights(model_id)


def _cached_conversions(model_id: str, revision: str) -> list[str]:
    """Pull requests of this model in the cache, for a model that is not pinned to one commit."""
    from huggingface_hub import constants

    refs = Path(constants.HF_HUB_CACHE) / f"models--{model_id.replace('/', '--')}" / "refs"
    return [f"refs/pr/{ref.name}" for ref in sorted(refs.glob("refs/pr/*"))] if revision == "main" else []


def _reporter(on_step: OnStep | None) -> Any:
    """A progress bar class that prints nothing and passes the bytes on."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the hub client's own bars take one more argument
            # It counts bytes twice, as they arrive and as they are written; the latter happens on every way there.
            self._counts = kwargs.get("unit") == "B" and kwargs.get("desc") != "Downloading bytes"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0  # tqdm itself stops counting when disabled
            if on_step and self._counts and self.total:
                on_step(int(self.n), int(self.total))

    return Reporter
