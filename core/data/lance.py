# SPDX-License-Identifier: Apache-2.0

"""LanceDB tables in a folder or at an s3:// address."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.errors import UserError

log = logging.getLogger(__name__)

# Without these an address where nothing answers holds a visitor for minutes.
TIMEOUTS = {"connect_timeout": "5s", "client_max_retries": "1", "client_retry_timeout": "20"}
UNREACHABLE = "The place where galleries are kept cannot be reached. Try again later, or use a gallery of this visit."


class Tables:
    """The tables of one place: a folder or an s3:// address. Every method may be called from any thread.

    Credentials for s3:// come from the environment, as LanceDB reads it, unless `storage_options` names them. Errors are
    LanceDB's own (OSError, ValueError, RuntimeError): see `plain_errors`.
    """

    def __init__(self, place: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.place = place if "://" in place else os.path.expanduser(place)
        self._options = TIMEOUTS | dict(storage_options or {})
        self._connection: Any = None
        self._lock = threading.Lock()  # guards the connection

    def open(self, name: str, columns: Mapping[str, Any] | None = None) -> Any:
        """The table as it is now. With `columns` (names and Arrow types) it is made where it is missing; of two that make
        it at once, one finds it made."""
        import pyarrow as pa

        connection = self._connect()
        try:
            return connection.open_table(name)
        except ValueError as error:
            if not columns or "not found" not in str(error):
                raise
        try:
            return connection.create_table(name, schema=pa.schema(list(columns.items())))
        except ValueError as error:
            if "already exists" not in str(error):
                raise
        return connection.open_table(name)

    def names(self, prefix: str) -> list[str]:
        """The table `prefix`, if it is there, and those whose names begin with `prefix` and an underscore."""
        names: list[str] = []
        token = None
        while True:
            page = self._connect().list_tables(page_token=token)
            names, token = names + list(page.tables), page.page_token
            if not token:
                return [name for name in names if name == prefix or name.startswith(f"{prefix}_")]

    def drop(self, name: str) -> None:
        """Delete the table and its rows."""
        self._connect().drop_table(name)

    def _connect(self) -> Any:
        import lancedb  # on first use: it takes a second, and must stay out of forked workers

        with self._lock:
            if self._connection is None:
                self._connection = lancedb.connect(self.place, storage_options=self._options)
            return self._connection


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what LanceDB and the disk raise into a UserError that says UNREACHABLE. Their texts may hold addresses and keys,
    so the log names the kind of error and its number only."""
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("the place of kept galleries failed: %s", kind_of(error))
        raise UserError(UNREACHABLE) from None


def kind_of(error: BaseException) -> str:
    """The class of an error, and its number where the system gave one: nothing of its text."""
    number = getattr(error, "errno", None)
    return type(error).__name__ + (f" {number}" if number else "")


def quoted(text: str) -> str:
    """A string of the tables' filter language."""
    return "'" + text.replace("'", "''") + "'"
