# SPDX-License-Identifier: Apache-2.0

"""The SQLite table that lists the runs of one place. A connection lives for one call, so that threads and processes share
nothing but the file."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from threading import RLock

from core.errors import UserError
from core.training.request import Prepared, Request
from core.training.supervisor.process import Process

log = logging.getLogger(__name__)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SQL_COLUMNS = "id, name, objective, asked, pid, started, created"  # `asked` is the fingerprint of what was started
CREATE = """CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, name TEXT NOT NULL, objective TEXT NOT NULL,
asked TEXT NOT NULL, pid INTEGER, started REAL, created REAL NOT NULL)"""
LOCK_TIMEOUT = 30.0  # seconds for which one process waits for another


@dataclass(frozen=True)
class Row:
    """In the order of SQL_COLUMNS. `created` in seconds since 1970."""

    id: str
    name: str
    objective: str
    fingerprint: str
    pid: int | None
    started: float | None
    created: float

    @property
    def process(self) -> Process | None:
        return None if self.pid is None or self.started is None else Process(self.pid, self.started)


class Table:
    """Raises UserError where the place cannot be used."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._lock = RLock()  # one thread of this process at a time, so that `exclusive` holds for the calls inside it
        self._held: sqlite3.Connection | None = None

    def rows(self) -> list[Row]:
        """Newest first."""
        with self._open() as table:
            return [
                Row(*row) for row in table.execute(f"SELECT {SQL_COLUMNS} FROM runs ORDER BY created DESC, id DESC")
            ]

    def row(self, id: str) -> Row | None:
        with self._open() as table:
            found = table.execute(f"SELECT {SQL_COLUMNS} FROM runs WHERE id = ?", (str(id),)).fetchone()
        return Row(*found) if found else None

    def add(self, id: str, request: Request, fingerprint: str, process: Process) -> Row:
        row = Row(id, request.name, request.objective, fingerprint, process.pid, process.started, time.time())
        self._insert(row)
        return row

    def adopt(self, id: str, request: Request, created: float) -> None:
        """List a folder that was made by other hands; one that is listed stays as it is."""
        if ID.fullmatch(id):
            self._insert(Row(id, request.name or id, request.objective, "", None, None, created))

    def set_process(self, id: str, process: Process | None) -> None:
        """Note which process trains it now."""
        columns = (process.pid, process.started) if process else (None, None)
        with self._open() as table:
            table.execute("UPDATE runs SET pid = ?, started = ? WHERE id = ?", (*columns, id))

    def remove(self, id: str) -> None:
        with self._open() as table:
            table.execute("DELETE FROM runs WHERE id = ?", (id,))

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Nobody else, here or in another process, writes until the block ends."""
        with self._open() as table:
            table.execute("BEGIN IMMEDIATE")
            self._held = table
            try:
                yield
                table.execute("COMMIT")
            except BaseException:
                table.execute("ROLLBACK")
                raise
            finally:
                self._held = None

    def _insert(self, row: Row) -> None:
        with self._open() as table:
            table.execute(
                f"INSERT OR IGNORE INTO runs ({SQL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", tuple(vars(row).values())
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._held:
                yield self._held
                return
            try:
                self.place.mkdir(parents=True, exist_ok=True)
                table = sqlite3.connect(self.place / "runs.sqlite", timeout=LOCK_TIMEOUT, isolation_level=None)
            except (OSError, sqlite3.Error) as error:
                raise _unusable(error) from None
            try:
                table.execute(CREATE)
                yield table
            except sqlite3.Error as error:
                raise _unusable(error) from None
            finally:
                table.close()


def fingerprint(prepared: Prepared) -> str:
    """Equal for the same request on the same data, wherever its pictures were unpacked to."""
    digest = blake2b(json.dumps(asdict(prepared.request), sort_keys=True).encode(), digest_size=16)
    for example in prepared.examples:
        row = asdict(example)
        row |= {name: Path(row[name]).name for name in ("image", "mask")}
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _unusable(error: Exception) -> UserError:
    log.warning("the table of runs cannot be used: %r", error)
    return UserError("The place where runs are kept cannot be used: the disk is full, or the folder cannot be written.")
