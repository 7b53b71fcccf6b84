# SPDX-License-Identifier: Apache-2.0

"""Small fine-tuning runs: each learning strategy of the article is a file in objectives/, each run a folder and a process of
its own (`python -m core.training RUN_DIR`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import UserError
from core.registry import Registry, discover

if TYPE_CHECKING:  # torch, which it needs, takes seconds
    from core.models.inference import Models
    from core.training.objective import Objective

OBJECTIVES: Registry[type[Objective]] = Registry("objective")


def register(objective: type[Objective]) -> type[Objective]:
    """Decorates the class of each objective's file."""
    return OBJECTIVES.register(objective.name, objective)


def need_base(models: Models, objective: str, base: str) -> None:
    """Raises UserError when that objective cannot start from that checkpoint."""
    kind = OBJECTIVES.get(objective)
    bases = kind.bases(models)
    if base not in bases:
        raise UserError(f"{kind.title} cannot start from {base[:80]!r}. Choose: {', '.join(bases)}.")


def find_objective(name: str) -> type[Objective] | None:
    """None where there is none of that name (any more): a folder of runs may hold what another lab made."""
    return next((objective for objective in all_objectives() if objective.name == name), None)


def all_objectives() -> list[type[Objective]]:
    """In the order in which the article tells of them."""
    from core.training import objectives

    discover(objectives)
    return sorted(OBJECTIVES, key=lambda objective: (objective.order, objective.name))
