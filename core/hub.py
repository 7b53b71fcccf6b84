"""Published checkpoints: whether they are on this machine, and fetching them when they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UserError

OnStep = Callable[[int, int], None]
# Pickled weights are left out on purpose: loading them can run code.
PATTERNS = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model")


def local_path(model_id: str, revision: str) -> Path | None:
    """The snapshot's folder in the hub's cache, or None when it is not (wholly) there."""
    from huggingface_hub import snapshot_download

    try:
        path = Path(
            snapshot_download(model_id, revision=revision, allow_patterns=list(PATTERNS), local_files_only=True)
        )
    except Exception:  # not in the cache, half in the cache, or a cache of another layout: all mean "fetch it"
        return None
    return path if any(path.glob("*.safetensors")) else None


def fetch(model_id: str, revision: str, on_step: OnStep | None = None) -> Path:
    """Download a snapshot, reporting (bytes done, bytes in all). Raises UserError when it cannot be had."""
    from huggingface_hub import snapshot_download

    try:
        path = Path(
            snapshot_download(
                model_id,
                revision=revision,
                allow_patterns=list(PATTERNS),
                tqdm_class=_reporter(on_step),
                etag_timeout=5,
            )
        )
    except Exception:  # no network, no such model, gated, disk full: the visitor's next step is the same
        raise UserError(
            f"{model_id} is not on this machine and could not be fetched. Where there is a network, run "
            f"`hf download {model_id}` and try again; or choose the embedded model, which needs none."
        ) from None
    if not any(path.glob("*.safetensors")):
        raise UserError(
            f"{model_id} publishes no safetensors weights, and the lab loads no others. Choose another model."
        )
    return path


def _reporter(on_step: OnStep | None) -> Any:
    """A progress bar class that prints nothing and passes the bytes on."""
    from tqdm.auto import tqdm

    class Reporter(tqdm):  # type: ignore[misc, type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the hub client's own bars take one more argument
            self._bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0  # tqdm itself stops counting when disabled
            if on_step and self._bytes and self.total:
                on_step(int(self.n), int(self.total))

    return Reporter
