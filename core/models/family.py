# SPDX-License-Identifier: Apache-2.0

"""What the file of a model family registers: its adapter and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.models.abilities import Model
from core.registry import Registry

EMBEDDED, CAPTIONER = "embedded", "embedded-captioner"  # ids of the two models that come with the install


@dataclass(frozen=True)
class Spec:
    """One checkpoint, as the model picker shows it."""

    id: str  # hub id; "embedded"; or the name of a local folder
    licence: str
    megabytes: int  # download, or size on disk
    citation: str
    note: str = ""
    family: str = ""  # filled in when registered
    path: Path | None = None  # a local folder instead of the hub


@dataclass(frozen=True)
class Family:
    """Checkpoints that one adapter loads. `architectures` are the names in config.json that it recognises.

    Pickers list families by `order`, then by name; the first published one is what `--profile hub` starts with.
    """

    name: str
    adapter: type[Model]
    specs: tuple[Spec, ...]
    architectures: tuple[str, ...] = ()
    order: int = 50
    path: Callable[[], Path] | None = None  # where the weights are when they do not come from the hub
    base: Callable[[Path], Path | None] | None = None  # the local folder that a checkpoint loads, too, if it does


FAMILIES: Registry[Family] = Registry("model family")


def register(family: Family) -> Family:
    """Called once by each family's file. Raises ValueError for a name that is taken."""
    return FAMILIES.register(
        family.name, replace(family, specs=tuple(replace(spec, family=family.name) for spec in family.specs))
    )


def by_architecture() -> dict[str, Family]:
    """The families by the architecture names in config.json that they recognise."""
    return {name: family for family in FAMILIES for name in family.architectures}
