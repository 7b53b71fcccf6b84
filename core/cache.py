# SPDX-License-Identifier: Apache-2.0

"""Embeddings and encodings that were computed once, kept up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Array | dict[str, Array]  # a vector, or all that looking at a picture left


class ArrayCache:
    """Least recently used arrays go first once `max_bytes` is passed. Safe to use from many threads.

    Keys name everything that the vector depends on: content, model, revision, dtype, processor backend.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._items: OrderedDict[Hashable, Arrays] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key]

    def put(self, key: Hashable, value: Arrays) -> None:
        value = {name: _own(part) for name, part in value.items()} if isinstance(value, Mapping) else _own(value)
        with self._lock:
            self.nbytes += _nbytes(value) - (_nbytes(self._items[key]) if key in self._items else 0)
            self._items[key] = value
            self._items.move_to_end(key)
            while self.nbytes > self.max_bytes:
                _, dropped = self._items.popitem(last=False)
                self.nbytes -= _nbytes(dropped)

    def __len__(self) -> int:
        return len(self._items)


def _own(array: Array) -> Array:
    """A copy where it is a view: a row of a batch would keep the whole batch alive."""
    array = np.ascontiguousarray(array)
    return array.copy() if array.base is not None else array


def _nbytes(value: Arrays) -> int:
    return sum(part.nbytes for part in value.values()) if isinstance(value, Mapping) else value.nbytes
