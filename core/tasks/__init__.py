# SPDX-License-Identifier: Apache-2.0

"""What the lab can do with a model. One file a task: pure inference, lists in, lists out."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.abilities import Model
from core.registry import Registry


@dataclass(frozen=True)
class Task:
    """`needs` is the ability an adapter must have to serve it; Models.specs(task.needs) lists who does."""

    name: str
    summary: str
    needs: type[Model]


TASKS: Registry[Task] = Registry("task")
