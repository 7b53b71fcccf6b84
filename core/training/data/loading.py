"""Examples for a run, by a word that says where they are from; and what is wrong with them before a run starts."""

from __future__ import annotations

from collections.abc import Sequence
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
    from core.training.objective import Config, Objective
    from core.training.supervisor.runs import Runs

SHOWN = 20  # problems that are told one by one
FEWEST = 4
SCENES = 1_000  # of which a captioner learns to name the things
MOST = 20_000  # rows made or fetched at once
FILES = ("image", "mask")
WORDS = {"image": "picture that can be read", "mask": "mask that can be read"}


@dataclass(frozen=True)
class Check:
    """`usable` are the examples that the objective can read, `problems` what is wrong with the others, row by row."""

    usable: list[Example]
    problems: list[str]

    def told(self) -> str:
        """For a person, in Markdown."""
        lines = [f"{len(self.usable):,} examples can be used{self._kinds()}."]
        if self.problems:
            lines.append(f"{len(self.problems):,} cannot:")
            lines += [f"- {problem}" for problem in self.problems[:SHOWN]]
            if len(self.problems) > SHOWN:
                lines.append(f"- and {len(self.problems) - SHOWN:,} more")
        return "\n".join(lines)

    def shown(self, count: int = 6) -> list[Example]:
        """Some of the usable ones to look at."""
        return [self.usable[place] for place in spread(len(self.usable), count)]

    def _kinds(self) -> str:
        pictures = len({example.image for example in self.usable})
        labels = len({example.label for example in self.usable if example.label})
        return f": {pictures:,} pictures" + (f", {labels:,} labels" if labels else "")


def load(
    source: str,
    into: Path,
    store: Store | None = None,
    file: Path | None = None,
    rows: int | None = None,
    seed: int = 0,
    runs: Runs | None = None,
    on_step: OnStep | None = None,
) -> list[Example]:
    """Examples of `source`: "gallery" (the bundled one), "gallery:NAME" (kept in `store`), "scenes" (`rows` drawn by `seed`),
    "zip" (the archive `file`), "hub:ID" (its first `rows`) or "run:ID" (those of one of `runs`). Pictures that are made or
    fetched lie in `into` until a run has taken them. Raises UserError when there is no such source or it cannot be read."""
    kind, _, name = source.strip().partition(":")
    if rows is not None and not 1 <= rows <= MOST:
        raise UserError(f"Take between 1 and {MOST:,} rows.")
    if source == "gallery":
        return from_gallery(bundled())
    if kind == "gallery" and name:
        if store is None:
            raise UserError("Galleries are not kept here. Start the lab with --galleries, or upload a zip.")
        return from_gallery(store.open(name))
    if source == "scenes":
        return scenes.make(into, rows or SCENES, seed, on_step=on_step)
    if source == "zip":
        if file is None:
            raise UserError("Choose the zip with the data.")
        return from_zip(file, into, on_step)
    if kind == "hub" and name:
        return from_hub(name, into, rows or HUB_ROWS, on_step)
    if kind == "run" and runs:
        return runs.folder(name).examples()
    raise UserError(f"There is no data called {source[:80]!r}. Choose gallery, gallery:NAME, scenes, zip or hub:ID.")


def from_gallery(gallery: Gallery) -> list[Example]:
    return [Example(item.path, item.caption) for item in gallery.items]


def check(examples: Sequence[Example], objective: type[Objective]) -> Check:
    """Which examples have all that the objective reads. Raises UserError where none has."""
    usable, problems = [], []
    for number, example in enumerate(examples, 1):
        missing = [WORDS.get(name, name) for name in objective.needs if not _has(example, name)]
        if missing:
            problems.append(f"row {number} has no {' and no '.join(missing)}")
        else:
            usable.append(example)
    if not usable:
        wanted = ", ".join(objective.needs)
        raise UserError(f"None of the {len(examples):,} examples has all of: {wanted}. Choose other data.")
    return Check(usable, problems)


def spread(n: int, most: int) -> list[int]:
    """At most `most` of n places, evenly from the first to the last: what is alike often lies together."""
    few = min(n, most)
    return [round(place * (n - 1) / max(1, few - 1)) for place in range(few)]


def split(n: int, config: Config) -> tuple[list[int], list[int]]:
    """Places of the training part and of the held-out part, by the seed. Raises UserError where there are too few."""
    import torch

    held = max(1, round(n * config.held_out))
    if n < FEWEST or n - held < 2:
        raise UserError(f"{n} examples are too few to train on and to measure on. Give at least {FEWEST}, better 50.")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(config.seed)).tolist()
    return sorted(order[held:]), sorted(order[:held])


def _has(example: Example, name: str) -> bool:
    value = getattr(example, name).strip()
    return bool(value) and (name not in FILES or Path(value).is_file())
