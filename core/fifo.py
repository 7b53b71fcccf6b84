# SPDX-License-Identifier: Apache-2.0

"""A semaphore that serves in the order of arrival. `threading.Lock` and `Semaphore` promise no order, so a thread that
gives one back and asks again at once mostly gets it again, and those who wait starve."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import Stopped

POLL_S = 0.1  # how often somebody who waits looks whether he is to stop


class FifoSemaphore:
    """`capacity` units, lent first come, first served: nobody passes somebody who came before, even where there would be
    enough for him and not for the other. Who asks for more than the capacity waits until nothing is lent, and is then
    alone. `with semaphore:` takes one unit. May be used from any thread; not reentrant."""

    def __init__(self, capacity: int) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._capacity = self._free = capacity
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @property
    def free(self) -> int:
        """Units that nobody has; below 0 where somebody has more than the capacity."""
        return self._free

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def resize(self, capacity: int) -> None:
        """What is lent beyond a smaller capacity stays lent until it is given back."""
        with self._lock:
            self._free += capacity - self._capacity
            self._capacity = capacity
            self._admit()

    @contextmanager
    def hold(self, amount: int = 1, stop: threading.Event | None = None) -> Iterator[None]:
        """`amount` units inside the block. Raises Stopped where `stop` is set before they are there."""
        self.acquire(amount, stop)
        try:
            yield
        finally:
            self.release(amount)

    def acquire(self, amount: int = 1, stop: threading.Event | None = None) -> None:
        """Wait for the units and take them, until `release`."""
        turn = threading.Event()
        with self._lock:
            self._waiting.append((amount, turn))
            self._admit()
        try:
            while not turn.wait(None if stop is None else POLL_S):
                if stop is not None and stop.is_set():
                    raise Stopped
        except BaseException:
            with self._lock:
                if turn.is_set():
                    self._free += amount
                else:
                    self._waiting = deque(one for one in self._waiting if one[1] is not turn)
                self._admit()
            raise

    def release(self, amount: int = 1) -> None:
        with self._lock:
            self._free += amount
            self._admit()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _admit(self) -> None:
        """Let those in front in, as far as there is room. Called with the lock held."""
        while self._waiting and (self._waiting[0][0] <= self._free or self._free == self._capacity):
            amount, turn = self._waiting.popleft()
            self._free -= amount
            turn.set()
