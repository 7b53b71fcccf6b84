# SPDX-License-Identifier: Apache-2.0

"""Galleries that outlive the visit: rows in LanceDB, in a folder or at an s3:// address; pictures in a folder.

Tables: `galleries` (name, key, created); for each gallery `<key>` (id, path, caption, position) and, for each
model that embedded it, `<key>_<hash>` (id, vector). A picture's bytes are never in a table.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from core.data.galleries import Gallery, Item, Space, Vectors
from core.errors import UserError

NAME_LENGTH = 80
MAX_OPEN = 4  # galleries whose vectors stay in memory; 100,000 of 512 numbers are 200 MB
KEY = re.compile(r"gallery_[0-9a-f]{16}")
CATALOGUE = "galleries"
# Without these an address where nothing answers holds a visitor for minutes.
PATIENCE = {"connect_timeout": "5s", "client_max_retries": "1", "client_retry_timeout": "20"}
UNREACHABLE = "The place where galleries are kept cannot be reached. Try again later, or use a gallery of this visit."


class Store:
    """All kept galleries of one place. Share one; every method may be called from any thread.

    `pictures` is a folder that every process using the place can see. Credentials for s3:// come from the
    environment, as LanceDB reads it, unless `storage_options` names them. Every method raises UserError when
    the place cannot be reached.
    """

    def __init__(self, place: str, pictures: Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.place = place if "://" in place else os.path.expanduser(place)
        self.pictures = pictures.absolute()
        self._options = PATIENCE | dict(storage_options or {})
        self._connection: Any = None
        self._open: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()  # guards the two above

    def names(self) -> list[str]:
        """Names of all galleries, the oldest first."""
        with _plainly():
            return list(self._keys())

    def open(self, name: str) -> Kept:
        """The gallery as it is now; one object for all who open it here. Raises UserError if there is none."""
        name = clean_name(name)
        key = self._key(name)
        with self._lock:
            gallery = self._open.setdefault(key, Kept(self, name, key))
            self._open.move_to_end(key)
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        gallery.refresh()
        return gallery

    def keep(self, gallery: Gallery, name: str) -> Kept:
        """Copy a gallery, with the vectors it has, under a new name. Raises UserError if the name is taken.

        It enters the catalogue last, so nobody sees half a gallery, and a name goes to one of those who
        ask for it at once.
        """
        name = clean_name(name)
        if name in self.names():
            raise _taken(name)
        key = f"gallery_{blake2b(name.encode() + os.urandom(16), digest_size=8).hexdigest()}"
        try:
            with _plainly():
                self._copy(gallery, Kept(self, name, key))
                self._claim(name, key)
        except BaseException:
            with suppress(Exception):
                self._drop(key)
            raise
        return self.open(name)

    def delete(self, name: str) -> None:
        """Remove a gallery, its vectors and its copies of the pictures. Raises UserError if there is none."""
        key = self._key(clean_name(name))
        with _plainly():
            self.catalogue().delete(f"key = {quoted(key)}")
            self._drop(key)
        with self._lock:
            self._open.pop(key, None)

    def catalogue(self) -> Any:
        return self.table(CATALOGUE, {"name": "string", "key": "string", "created": "float64"})

    def table(self, name: str, columns: Mapping[str, Any] | None = None) -> Any:
        """The table as it is now; with `columns`, made if need be. Of two that make it at once, one finds it made."""
        import pyarrow as pa

        connection = self.connection()
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

    def tables(self, key: str) -> list[str]:
        """Names of a gallery's own tables."""
        names: list[str] = []
        token = None
        while True:
            page = self.connection().list_tables(page_token=token)
            names, token = names + list(page.tables), page.page_token
            if not token:
                return [name for name in names if name == key or name.startswith(f"{key}_")]

    def connection(self) -> Any:
        import lancedb  # on first use: it takes a second, and must stay out of forked workers

        with self._lock:
            if self._connection is None:
                self._connection = lancedb.connect(self.place, storage_options=self._options)
            return self._connection

    def _keys(self) -> dict[str, str]:
        """{name: key}. The first row of a name counts: rows stand in the order they were committed in."""
        keys: dict[str, str] = {}
        for row in self.catalogue().to_arrow().to_pylist():
            if KEY.fullmatch(row["key"]):  # it names a folder that delete() empties
                keys.setdefault(row["name"], row["key"])
        return keys

    def _key(self, name: str) -> str:
        with _plainly():
            key = self._keys().get(name)
        if key is None:
            raise UserError(f"There is no gallery called {name!r}. Choose one of the list.")
        return key

    def _claim(self, name: str, key: str) -> None:
        catalogue = self.catalogue()
        catalogue.add([{"name": name, "key": key, "created": time.time()}])
        if self._keys()[name] != key:
            catalogue.delete(f"key = {quoted(key)}")
            raise _taken(name)

    def _copy(self, gallery: Gallery, kept: Kept) -> None:
        kept.folder.mkdir(parents=True)
        self.table(kept.key, {"id": "string", "path": "string", "caption": "string", "position": "int64"})
        items = [item for item in gallery.items if Path(item.path).is_file()]  # the rest could not be shown anyway
        for item in items:
            shutil.copyfile(item.path, kept.folder / Path(item.path).name)
        kept._append(items)
        ids = {item.id for item in items}
        for space, rows in gallery.known().items():
            kept._save(space, {key: row for key, row in rows.by_id().items() if key in ids})
        kept._tidy()

    def _drop(self, key: str) -> None:
        for name in self.tables(key):
            self.connection().drop_table(name)
        shutil.rmtree(self.pictures / key, ignore_errors=True)


class Kept(Gallery):
    """A gallery of a Store: the same methods, and what they change stays."""

    def __init__(self, store: Store, name: str, key: str) -> None:
        super().__init__(name, store.pictures / key)
        self.key = key
        self._store = store
        self._version = 0  # of the items' table, when it was last read
        self._dirty: set[str] = set()

    def refresh(self) -> bool:
        """See what other processes added and removed; returns whether anything changed."""
        with self._state, _plainly():
            table = self._store.table(self.key)
            if table.version == self._version:
                return False
            self._version, before = table.version, self._items
            rows = sorted(table.to_arrow().to_pylist(), key=lambda row: (row["position"], row["id"]))
            items = {row["id"]: Item(row["id"], str(self._inside(row["path"])), row["caption"]) for row in rows}
            if tuple(items.values()) != before:
                self._items = tuple(items.values())
            return self._items is not before

    def _inside(self, path: str) -> Path:
        """Where a row's picture lies; never outside the gallery's folder, whoever wrote the row."""
        return self.folder / Path(path).name

    def _append(self, items: list[Item]) -> None:
        if not items:
            return
        now = time.time_ns()  # positions in the order of additions, whichever process makes them
        rows = [
            {"id": item.id, "path": f"{self.key}/{Path(item.path).name}", "caption": item.caption, "position": now + n}
            for n, item in enumerate(items)
        ]
        with _plainly():
            self._store.table(self.key).add(rows)
            self._dirty.add(self.key)

    def _forget(self, ids: list[str]) -> None:
        with _plainly():
            for name in self._store.tables(self.key) if ids else []:
                table = self._store.table(name)
                for start in range(0, len(ids), 500):
                    table.delete(f"id IN ({', '.join(map(quoted, ids[start : start + 500]))})")

    def _load(self, space: Space) -> Mapping[str, Vectors]:
        with _plainly():
            name = self._vectors_name(space)
            if name not in self._store.tables(self.key):
                return {}
            rows = self._store.table(name).to_arrow()
            if not rows.num_rows:
                return {}
            flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            vectors = flat.reshape(rows.num_rows, -1)
            return dict(zip(rows["id"].to_pylist(), vectors, strict=True))

    def _save(self, space: Space, rows: Mapping[str, Vectors]) -> None:
        if not rows:
            return
        import pyarrow as pa

        with _plainly():
            matrix = np.stack(list(rows.values())).astype(np.float32, copy=False)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
            name = self._vectors_name(space)
            table = self._store.table(name, {"id": "string", "vector": vectors.type})
            table.add(pa.table({"id": list(rows), "vector": vectors}))
            self._dirty.add(name)

    def _tidy(self) -> None:
        """Merge the small files that appends leave; readers load whole tables, so an hour's versions suffice."""
        dirty, self._dirty = self._dirty, set()
        for name in dirty:
            with suppress(OSError, ValueError, RuntimeError):  # another process tidies: then it is being done
                self._store.table(name).optimize(cleanup_older_than=timedelta(hours=1))

    def _vectors_name(self, space: Space) -> str:
        return f"{self.key}_{blake2b(json.dumps(space).encode(), digest_size=8).hexdigest()}"


def clean_name(name: str) -> str:
    """Trimmed and printable, 1 to NAME_LENGTH characters. Raises UserError otherwise."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not 1 <= len(name) <= NAME_LENGTH:
        raise UserError(f"Give the gallery a name of 1 to {NAME_LENGTH} characters.")
    return name


def quoted(text: str) -> str:
    """A string of the table's filter language."""
    return "'" + text.replace("'", "''") + "'"


def _taken(name: str) -> UserError:
    return UserError(f"There is a gallery called {name!r} already. Choose another name.")


@contextmanager
def _plainly() -> Iterator[None]:
    """What LanceDB and the disk raise may hold addresses and keys; a visitor reads one plain sentence."""
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError, RuntimeError):
        raise UserError(UNREACHABLE) from None
