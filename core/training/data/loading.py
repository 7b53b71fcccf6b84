# SPDX-License-Identifier: Apache-2.0

"""Examples for a run, by a word that says where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.data.bundled import bundled
from core.data.galleries import Gallery
from core.data.store import Store
from core.engine import OnStep
from core.errors import UserError
from core.training.data import scenes
from core.training.data.example import Example
from core.training.data.sources import HUB_ROWS, from_hub, from_zip

if TYPE_CHECKING:
    from core.training.supervisor.runs import Runs

SCENES = 1_000  # of which a captioner learns to name the objects
MOST = 20_000  # rows made or fetched at once


@dataclass(frozen=True)
class Source:
    """Which examples are wanted. `name` is "gallery" (the bundled one), "gallery:NAME" (a kept one), "scenes" (`rows` drawn by
    `seed`, with `phrases` instead of captions where the objective reads those), "zip" (the archive `file`), "hub:ID" (its
    first `rows`) or "run:ID" (those of an earlier run)."""

    name: str
    file: Path | None = None
    rows: int | None = None
    seed: int = 0
    phrases: bool = False


def load(
    source: Source, into: Path, store: Store | None = None, runs: Runs | None = None, on_step: OnStep | None = None
) -> list[Example]:
    """Pictures that are made or fetched lie in `into` until a run has taken them; `store` holds kept galleries, `runs` earlier
    runs. Raises UserError when there is no such source or it cannot be read."""
    kind, _, name = source.name.strip().partition(":")
    if source.rows is not None and not 1 <= source.rows <= MOST:
        raise UserError(f"Take between 1 and {MOST:,} rows.")
    if source.name == "gallery":
        return from_gallery(bundled())
    if kind == "gallery" and name:
        if store is None:
            raise UserError("Galleries are not kept here. Start the lab with --galleries, or upload a zip.")
        return from_gallery(store.open(name))
    if source.name == "scenes":
        return scenes.make(into, source.rows or SCENES, source.seed, source.phrases, on_step)
    if source.name == "zip":
        if source.file is None:
            raise UserError("Choose the zip with the data.")
        return from_zip(source.file, into, on_step)
    if kind == "hub" and name:
        return from_hub(name, into, source.rows or HUB_ROWS, on_step)
    if kind == "run" and runs:
        return runs.folder(name).examples()
    raise UserError(
        f"There is no data called {source.name[:80]!r}. Choose gallery, gallery:NAME, scenes, zip or hub:ID."
    )


def from_gallery(gallery: Gallery) -> list[Example]:
    return [Example(item.path, item.caption) for item in gallery.items]
