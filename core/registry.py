# SPDX-License-Identifier: Apache-2.0

"""Registries of what has one file each: model families, tasks, objectives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Generic, TypeVar

from core.errors import UserError

T = TypeVar("T")


class Registry(Generic[T]):
    """A dictionary that refuses duplicates and, asked for an unknown name, lists the known ones."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        if name in self._items:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """Raises UserError when nothing of that name is registered."""
        try:
            return self._items[name]
        except (KeyError, TypeError):
            known = ", ".join(self._items)
            raise UserError(f"There is no {self.kind} called {str(name)[:80]!r}. Choose one of: {known}.") from None

    def names(self) -> list[str]:
        return list(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items.values()))


def discover(package: ModuleType) -> list[ModuleType]:
    """Import every module of `package` whose name does not begin with `_`, in order of name."""
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in found if not name.startswith("_")]
