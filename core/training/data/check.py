# SPDX-License-Identifier: Apache-2.0

"""Which examples an objective can read, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.training.data.example import Example

if TYPE_CHECKING:
    from core.training.objective import Objective

LISTED_PROBLEMS = 20  # problems that are listed one by one
FILE_FIELDS = ("image", "mask")
FIELD_NAMES = {"image": "picture that can be read", "mask": "mask that can be read"}


@dataclass(frozen=True)
class Check:
    """`usable` are the examples that the objective can read, `problems` what is wrong with the others, row by row."""

    usable: list[Example]
    problems: list[str]

    def summary(self) -> str:
        """For a person, in Markdown."""
        lines = [f"{len(self.usable):,} examples can be used{self._counts()}."]
        if self.problems:
            lines.append(f"{len(self.problems):,} cannot:")
            lines += [f"- {problem}" for problem in self.problems[:LISTED_PROBLEMS]]
            if len(self.problems) > LISTED_PROBLEMS:
                lines.append(f"- and {len(self.problems) - LISTED_PROBLEMS:,} more")
        return "\n".join(lines)

    def samples(self, count: int = 6) -> list[Example]:
        """Some of the usable ones, from all over the data."""
        return [self.usable[place] for place in evenly_spaced(len(self.usable), count)]

    def _counts(self) -> str:
        pictures = len({example.image for example in self.usable})
        labels = len({example.label for example in self.usable if example.label})
        return f": {pictures:,} pictures" + (f", {labels:,} labels" if labels else "")


def check(examples: Sequence[Example], objective: type[Objective]) -> Check:
    """Which examples have all that the objective reads. Raises UserError where none has."""
    usable, problems = [], []
    for number, example in enumerate(examples, 1):
        missing = [FIELD_NAMES.get(name, name) for name in objective.needs if not _has(example, name)]
        if missing:
            problems.append(f"row {number} has no {' and no '.join(missing)}")
        else:
            usable.append(example)
    if not usable:
        wanted = ", ".join(objective.needs)
        raise UserError(f"None of the {len(examples):,} examples has all of: {wanted}. Choose other data.")
    return Check(usable, problems)


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, from the first to the last: what is alike often lies together."""
    chosen = min(count, most)
    return [round(place * (count - 1) / max(1, chosen - 1)) for place in range(chosen)]


def _has(example: Example, name: str) -> bool:
    value = getattr(example, name).strip()
    return bool(value) and (name not in FILE_FIELDS or Path(value).is_file())
