# SPDX-License-Identifier: Apache-2.0

"""Which checkpoints there are, where they lie, and what state they are in. Loads none of them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.engine import OnStep
from core.errors import UserError
from core.models import embedded, families, hub, trained
from core.models.abilities import Model
from core.models.family import EMBEDDED, FAMILIES, Spec, by_architecture
from core.models.folders import RunModels, Skipped, fingerprint, local_specs, read_spec
from core.registry import Registry, discover

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
REVISIONS = Path(__file__).with_name("revisions.json")
DOWNLOADS, UNREACHABLE = "downloads when first used", "not here, and no hub can be reached to load it from"
LABEL_LENGTH = 60  # characters of a model's name in the picker


class Catalog:
    """The checkpoints on offer, by `Spec.id`. Every method may be called from any thread.

    `folder` holds local checkpoints, one folder each; `runs` training runs, whose models come and go while the lab is open.
    `skipped` are the folders in `folder` that hold no checkpoint, each with the reason.
    """

    def __init__(self, folder: Path | None = None, runs: Path | None = None) -> None:
        discover_families()
        self._specs: Registry[Spec] = Registry("model")
        for family in sorted(FAMILIES, key=lambda family: (family.order, family.name)):
            for spec in family.specs:
                self._specs.register(spec.id, spec)
        self._families = by_architecture()
        specs, self.skipped = local_specs(folder, self._families) if folder else ([], list[Skipped]())
        for spec in specs:
            taken = spec.id in self._specs.names()
            spec = replace(spec, id=f"{spec.id} (local)") if taken else spec
            self._specs.register(spec.id, spec)
        self._runs = RunModels(runs, self._families) if runs else None
        self._trained: dict[str, Spec] = {}
        self._refreshing = threading.Lock()

    def refresh(self) -> None:
        """Read which runs ended and which were deleted. Cheap where nothing changed."""
        if self._runs is None:
            return
        with self._refreshing:
            if self._runs.changed():
                self._trained = self._runs.specs(self._specs.names())

    def specs(self, needs: type[Any] | tuple[type[Any], ...] | None = None) -> list[Spec]:
        """All specs, or those whose adapter has the ability `needs`, or one of them; the embedded one first, the newest
        trained one last."""
        self.refresh()
        specs = [*self._specs, *self._trained.values()]
        return [spec for spec in specs if needs is None or issubclass(FAMILIES.get(spec.family).adapter, needs)]

    def spec(self, name: str) -> Spec:
        """Raises UserError when there is none, as of a run that was deleted meanwhile."""
        if name not in self._specs.names():
            self.refresh()
        if name not in self and (reason := dict(self.skipped).get(name)):
            raise UserError(f"The folder {name!r} is no checkpoint that the lab can load: {reason}.")
        return self._trained.get(name) or self._specs.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._trained or name in self._specs.names()

    def adapter(self, name: str) -> type[Model]:
        """The class that loads the model, which says its abilities. Raises UserError as `spec`."""
        return FAMILIES.get(self.spec(name).family).adapter

    def need(self, name: str, ability: type[Any]) -> None:
        """Raises UserError when the model has no such ability."""
        if not issubclass(self.adapter(name), ability):
            raise unable(name)

    def path(self, name: str) -> Path | None:
        """The checkpoint's folder on this machine, or None."""
        spec = self.spec(name)
        if spec.path:
            return spec.path
        own = FAMILIES.get(spec.family).path
        return own() if own else hub.local_path(spec.id, revision(spec.id))

    def revision(self, name: str) -> str:
        """Names the weights: the hub's revision, or for a local folder a fingerprint of its files and of those of a local
        base, so that what was computed before a folder was trained again in place is not taken for its own."""
        spec = self.spec(name)
        return f"local-{fingerprint(_folders(spec))}" if spec.path else revision(name)

    def label(self, name: str) -> str:
        """One line for the picker: family, name, size, licence, and whether it is on this machine or can be had."""
        spec = self.spec(name)
        here = "on this machine" if self.path(name) else UNREACHABLE if hub.reachable() is False else DOWNLOADS
        called = "built-in model" if spec.id == EMBEDDED else f"{spec.family} · {spec.id}"
        short = called if len(called) <= LABEL_LENGTH else f"{called[: LABEL_LENGTH - 1]}…"
        return f"{short} · {spec.megabytes:,} MB · licence: {spec.licence} · {here}"

    def offered(self, needs: type[Any] | tuple[type[Any], ...] | None = None) -> list[Spec]:
        """`specs` for a picker: those on this machine first, then by family."""
        return sorted(
            self.specs(needs),
            key=lambda spec: (self.path(spec.id) is None, FAMILIES.get(spec.family).order, spec.family),
        )

    def fetch(self, name: str, on_step: OnStep | None = None) -> Path:
        """The checkpoint's folder, downloaded if need be. Raises UserError when it cannot be had."""
        return self.path(name) or hub.fetch(name, revision(name), on_step)

    def loader(self, name: str, wanted: str = "") -> Callable[..., Model]:
        """What `Engine.call` loads this model with: takes a device and a dtype. With the revision `wanted` it raises
        UserError where the files are no longer, or cease to be, those of that revision."""
        spec = self.spec(name)
        load = partial(FAMILIES.get(spec.family).adapter.load, self.fetch(name))
        return partial(_load_unchanged, load, _folders(spec), wanted) if spec.path and wanted else load


def discover_families() -> None:
    """Import every file that registers a family. None of them imports torch."""
    for package in (embedded, families, trained):
        discover(package)


def _folders(spec: Spec) -> list[Path]:
    """All from which a local checkpoint is loaded."""
    if spec.path is None:
        return []
    base = FAMILIES.get(spec.family).base
    folders = [spec.path, base(spec.path) if base else None]
    return [folder for folder in folders if folder]


def _load_unchanged(
    load: Callable[..., Model], folders: list[Path], wanted: str, device: torch.device, dtype: torch.dtype
) -> Model:
    model = load(device, dtype)
    if f"local-{fingerprint(folders)}" != wanted:
        raise UserError(f"The files of {folders[0].name!r} changed while they were in use. Try again.")
    return model


def unable(name: str) -> UserError:
    """For a model that lacks the ability that is asked of it."""
    return UserError(f"{name} cannot do this. Choose another model.")


def revision(model_id: str) -> str:
    """The pinned commit, or "main" until `python -m core.models pin` was run where a hub can be reached."""
    return _pins(REVISIONS, REVISIONS.stat().st_mtime_ns if REVISIONS.exists() else 0).get(model_id, "main")


@lru_cache(maxsize=1)
def _pins(path: Path, written: int) -> dict[str, str]:
    """{id: commit}, read once until it is written again; `written` is 0 where there is no file."""
    pins: dict[str, str] = json.loads(path.read_text()) if written else {}
    return pins


def load_checkpoint(name: str, device: torch.device, dtype: torch.dtype) -> Model:
    """The model that a trained one builds on: a checkpoint on offer by its id, or a local one by its folder's absolute
    path. Raises UserError where it is no longer there."""
    discover_families()
    folder = Path(name)
    found: Spec | str | None = next((spec for own in FAMILIES for spec in own.specs if spec.id == name), None)
    if folder.is_absolute():
        found = read_spec(folder, name, "your own", by_architecture())
    if not isinstance(found, Spec):
        if found:
            log.warning("the base %s cannot be loaded: %s", folder.name, found)
        raise UserError(f"This model builds on {folder.name!r}, which is no longer there. Train it again on another.")
    family = FAMILIES.get(found.family)
    own = family.path() if family.path else found.path or hub.local_path(name, revision(name))
    return family.adapter.load(own or hub.fetch(name, revision(name)), device, dtype)
