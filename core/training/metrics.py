# SPDX-License-Identifier: Apache-2.0

"""A run's reports, one JSON object a line, read while another process appends to them."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

Report = dict[str, Any]
Reports = list[Report]


class MetricsFile:
    """Keeps what it has parsed: asked again, it reads only what was appended since, and all of a file that was put in the
    place of the old one. May be asked from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._inode, self._end = -1, 0  # of the file that was read, and how far, in bytes
        self._rows: Reports = []

    def rows(self) -> Reports:
        """Reports in order of their steps, numbers all. A line that was cut off, or that no run wrote, is left out; the
        last one is read once its end is there."""
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    self._read(file)
            except FileNotFoundError:
                self._forget()
            return list(self._rows)

    def _read(self, file: BinaryIO) -> None:
        stat = os.fstat(file.fileno())
        inode, size = stat.st_ino, stat.st_size
        if inode != self._inode or size < self._end:
            self._forget()
            self._inode = inode
        if size == self._end:
            return
        file.seek(self._end)
        text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._end += len(whole)
        self._rows += [report for line in whole.splitlines() if (report := _parsed(line))]

    def _forget(self) -> None:
        self._inode, self._end, self._rows = -1, 0, []


def _parsed(line: bytes) -> Report:
    """{} for what is no report."""
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(row, dict):
        return {}
    numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
    return numbers if "step" in numbers else {}
