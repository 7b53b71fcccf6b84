# SPDX-License-Identifier: Apache-2.0

"""Checkpoints in folders of this machine: a person's own, and those that training runs made."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core.models.family import Spec

if TYPE_CHECKING:
    from core.models.family import Family

log = logging.getLogger(__name__)
HAVE_A_MODEL = ("finished", "cancelled")  # the states of a run that kept what it trained
TRAINED_HERE = "trained here"  # the licence and the note of a run's model
ID_END = 8  # characters of a run's id by which runs of one name are told apart
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
LOADED = (".safetensors", ".json", ".txt", ".model")  # weights, configuration and tokenizer
Version = tuple[int, int]  # of a file: its size in bytes and when it was written, in nanoseconds


class Skipped(NamedTuple):
    """A folder that is not offered, and why: a clause about it, without a full stop."""

    folder: str
    reason: str


def local_specs(folder: Path, families: Mapping[str, Family]) -> tuple[list[Spec], list[Skipped]]:
    """A spec for each sub-folder that holds a checkpoint of one of the architectures by which `families` are keyed, and the
    sub-folders that hold none. Hidden ones are passed over."""
    specs, skipped = [], []
    if (folder / "config.json").exists():
        skipped.append(Skipped(folder.name, "it is a checkpoint itself: name the folder in which it lies"))
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        found = read_spec(path, path.name, "your own", families)
        if isinstance(found, Spec):
            specs.append(found)
        else:
            skipped.append(Skipped(path.name, found))
    for name, reason in skipped:
        log.warning("--models: %s is not offered: %s", name, reason)
    return specs, skipped


def read_spec(folder: Path, name: str, licence: str, families: Mapping[str, Family]) -> Spec | str:
    """The checkpoint's spec, or the reason why there is none."""
    if not (folder / "config.json").exists():
        return "it has no config.json"
    architectures = _read(folder / "config.json").get("architectures")
    names = [name for name in architectures if isinstance(name, str)] if isinstance(architectures, list) else []
    if not names:
        return "its config.json cannot be read or names no architecture"
    family = next((families[name] for name in names if name in families), None)
    if family is None:
        return f"the lab has no family for its architecture {names[0][:80]}"
    files = [file for file in folder.glob("*") if file.is_file()]
    if not any(file.suffix == ".safetensors" for file in files):
        if any(file.suffix in PICKLED for file in files):
            return (
                "its weights are pickled (.bin, .pt), and those are never loaded, because they can run code: "
                "convert them with save_pretrained first"
            )
        return "it has no safetensors weights"
    megabytes = sum(_version(file)[0] for file in files) // 10**6
    return Spec(name, licence, megabytes, "a local checkpoint", family=family.name, path=folder)


def fingerprint(folders: Iterable[Path]) -> str:
    """Of all files that a checkpoint is loaded from: their names, sizes and times, hashed to 16 hex digits."""
    files = [
        (file.name, *_version(file)) for folder in folders for file in sorted(folder.glob("*")) if file.suffix in LOADED
    ]
    return blake2b(repr(files).encode(), digest_size=8).hexdigest()


class RunModels:
    """Models of training runs, each in a folder of `folder`. They come and go while the lab is open."""

    def __init__(self, folder: Path, families: Mapping[str, Family]) -> None:
        self.folder, self.families = folder, families
        self._states: dict[Path, tuple[Version, object]] = {}  # of each run: its status.json's version, the state in it
        self._offered: dict[Path, Version] = {}  # of each run with a model, oldest first: its config.json's version

    def changed(self) -> bool:
        """Whether a model came, went or was trained again since the last call. Cheap: a file that was not written since is
        not read, and what a run writes before it ends changes nothing."""
        self._states = {run: self._read_state(run) for run in self._runs()}
        before = self._offered
        self._offered = {
            run: _version(run / "model" / "config.json")
            for run, (_, state) in self._states.items()
            if state in HAVE_A_MODEL
        }
        return self._offered != before

    def specs(self, taken: Collection[str]) -> dict[str, Spec]:
        """By name, the oldest first: the models that were there at the last `changed`. A run is called by its name; where that
        is `taken`, by a published checkpoint or an older run, the end of its id is added."""
        found: dict[str, Spec] = {}
        for run in self._offered:
            name = str(_read(run / "request.json").get("name") or run.name)
            name = f"{name} ({run.name[-ID_END:]})" if name in taken or name in found else name
            spec = read_spec(run / "model", name, TRAINED_HERE, self.families)
            if isinstance(spec, Spec):
                found[name] = replace(spec, note=TRAINED_HERE)
            else:
                log.warning("the model of the run %s is not offered: %s", run.name, spec)
        return found

    def _runs(self) -> list[Path]:
        """Folders of runs, the oldest first."""
        found = (status.parent for status in self.folder.glob("*/status.json"))
        return sorted(run for run in found if not run.name.startswith("."))

    def _read_state(self, run: Path) -> tuple[Version, object]:
        path, known = run / "status.json", self._states.get(run)
        version = _version(path)
        return known if known and known[0] == version else (version, _read(path).get("state"))


def _version(path: Path) -> Version:
    """Zeros where there is no such file: runs may be deleted while they are listed."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _read(path: Path) -> dict[str, Any]:
    """{} for a file that is not there, or that holds no JSON object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s of %s cannot be read: %s", path.name, path.parent.name, error)
        return {}
    return found if isinstance(found, dict) else {}
