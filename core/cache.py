"""Embeddings that were computed once, kept up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray


class ArrayCache:
    """Least recently used arrays go first once `max_bytes` is passed. Safe to use from many threads.

    Keys name everything that the vector depends on: content, model, revision, dtype, processor backend.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._items: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> NDArray[np.float32] | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key]

    def put(self, key: Hashable, array: NDArray[np.float32]) -> None:
        array = np.ascontiguousarray(array)  # a row of a batch would keep the whole batch alive
        if array.base is not None:
            array = array.copy()
        with self._lock:
            self.nbytes += array.nbytes - (self._items[key].nbytes if key in self._items else 0)
            self._items[key] = array
            self._items.move_to_end(key)
            while self.nbytes > self.max_bytes:
                _, dropped = self._items.popitem(last=False)
                self.nbytes -= dropped.nbytes

    def __len__(self) -> int:
        return len(self._items)
