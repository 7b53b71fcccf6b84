# SPDX-License-Identifier: Apache-2.0

"""Which examples a run trains on and which it holds out. A picture stands on one side only: of a picture with several captions
or questions, some trained on and some measured on, a run would be measured on what it has learned by heart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import images
from core.engine import OnStep
from core.errors import UserError
from core.training.data.example import Example

FEWEST = 4  # examples in all, of which two are trained on


@dataclass(frozen=True)
class Split:
    """Indices of examples, ascending; every example is in one of the two."""

    train: list[int]
    held_out: list[int]

    @property
    def rows(self) -> int:
        return len(self.train) + len(self.held_out)


def share_pictures(examples: Sequence[Example], on_step: OnStep | None = None) -> list[Example]:
    """The same examples, those of one picture under one path: files are one picture when their pixels are equal, as of a zip
    whose metadata names a picture once for each of its captions. Decodes every file once. Raises UserError for a file
    that cannot be read."""
    paths = list(dict.fromkeys(example.image for example in examples))
    first_path: dict[str, str] = {}  # by the hash of the pixels
    path_of: dict[str, str] = {}
    for number, path in enumerate(paths, 1):
        path_of[path] = first_path.setdefault(images.pixel_key(images.read(path).image), path)
        if on_step:
            on_step(number, len(paths))
    return [replace(example, image=path_of[example.image]) for example in examples]


def split_by_picture(pictures: Sequence[str], held_out: float, seed: int) -> Split:
    """`pictures` names the picture of each example. Whole pictures are drawn by `seed` until about `held_out`, a share in
    0..1, of the examples are held out; where each has a picture of its own, it is exactly `split_by_row`.

    Raises UserError where there are too few examples or pictures to have some on both sides.
    """
    rows_of: dict[str, list[int]] = {}
    for row, picture in enumerate(pictures):
        rows_of.setdefault(picture, []).append(row)
    wanted = _wanted(len(pictures), held_out)
    if len(rows_of) < 2:
        raise UserError(
            f"All {len(pictures)} examples are of one picture, which cannot be trained on and measured on. Add other pictures."
        )
    names = list(rows_of)
    held: list[int] = []
    shuffled = [rows_of[names[place]] for place in _shuffled(len(names), seed)]
    for rows in shuffled:
        if abs(len(held) + len(rows) - wanted) < abs(len(held) - wanted):  # else one with fewer examples may still fit
            held += rows
    held = held or min(shuffled, key=len)  # where each picture has more than twice what is wanted
    return _split(len(pictures), held)


def split_by_row(rows: int, held_out: float, seed: int) -> Split:
    """As runs were split before their folders held a split.json: a run that began so goes on so. Raises UserError where there
    are too few rows."""
    return _split(rows, _shuffled(rows, seed)[: _wanted(rows, held_out)])


def _wanted(rows: int, held_out: float) -> int:
    wanted = max(1, round(rows * held_out))
    if rows < FEWEST or rows - wanted < 2:
        raise UserError(
            f"{rows} examples are too few to train on and to measure on. Give at least {FEWEST}, better 50."
        )
    return wanted


def _shuffled(count: int, seed: int) -> list[int]:
    import torch

    order: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    return order


def _split(rows: int, held: Sequence[int]) -> Split:
    train = sorted(set(range(rows)) - set(held))
    if len(train) < 2:
        raise UserError(
            "One picture has nearly all of the examples, so too few are left to train on. Add other pictures."
        )
    return Split(train, sorted(held))
