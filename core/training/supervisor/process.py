# SPDX-License-Identifier: Apache-2.0

"""Which process is meant: its id alone is given to others later, its id and the moment it began are not."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

CLOCK_TOLERANCE = 1.0  # seconds; the clock that start times are told by is set right now and then


@dataclass(frozen=True)
class Process:
    """`started` in seconds since 1970."""

    pid: int
    started: float

    @classmethod
    def own(cls) -> Process:
        return cls.of(psutil.Process().pid)

    @classmethod
    def of(cls, pid: int) -> Process:
        """The one that has this id now; of one that has ended already, one that is never alive."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return cls(pid, 0.0)

    @property
    def alive(self) -> bool:
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < CLOCK_TOLERANCE
            return bool(same and found.status() != psutil.STATUS_ZOMBIE)
        except (psutil.Error, TypeError, ValueError, OverflowError):  # ids and times of a damaged file, too
            return False
