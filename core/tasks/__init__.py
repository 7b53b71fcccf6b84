# SPDX-License-Identifier: Apache-2.0

"""What the lab can do with a model. One file a task: pure inference, lists in, lists out."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.abilities import Model
from core.registry import Registry


@dataclass(frozen=True)
class Task:
    """`needs` is the ability that a model must have for it, or several of which one will do: the pickers offer
    `Catalog.specs(task.needs)`."""

    name: str
    summary: str
    needs: type[Model] | tuple[type[Model], ...]


TASKS: Registry[Task] = Registry("task")
