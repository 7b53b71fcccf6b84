"""Examples for a run, from the demo gallery or a kept one, and what is wrong with them before a run starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import UserError
from core.galleries import Gallery
from core.training.objective import Example, Objective

SHOWN = 20  # problems that are told one by one


@dataclass(frozen=True)
class Check:
    """`usable` are the examples that the objective can read, `problems` what is wrong with the others, row by row."""

    usable: list[Example]
    problems: list[str]

    def told(self) -> str:
        """For a person, in Markdown."""
        lines = [f"{len(self.usable)} examples can be used."]
        if self.problems:
            lines.append(f"{len(self.problems)} cannot:")
            lines += [f"- {problem}" for problem in self.problems[:SHOWN]]
        return "\n".join(lines)


def from_gallery(gallery: Gallery) -> list[Example]:
    return [Example(item.path, item.caption) for item in gallery.items]


def check(examples: Sequence[Example], objective: type[Objective]) -> Check:
    """Which examples have all that the objective reads. Raises UserError where none has."""
    usable, problems = [], []
    for number, example in enumerate(examples, 1):
        missing = [name for name in objective.needs if not getattr(example, name).strip()]
        if missing:
            problems.append(f"row {number} has no {' and no '.join(missing)}")
        else:
            usable.append(example)
    if not usable:
        wanted = ", ".join(objective.needs)
        raise UserError(f"None of the {len(examples)} examples has all of: {wanted}. Choose other data.")
    return Check(usable, problems)
