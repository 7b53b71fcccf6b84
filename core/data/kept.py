# SPDX-License-Identifier: Apache-2.0

"""A gallery that is kept beyond the visit: its rows in LanceDB, its pictures in a folder."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

import numpy as np

from core.data.galleries import Gallery, Item, Space, Vectors
from core.data.lance import Tables, kind_of, plain_errors, quoted

log = logging.getLogger(__name__)

COLUMNS = {"id": "string", "path": "string", "caption": "string", "position": "int64"}
IDS_AT_ONCE = 500  # that one deletion names


class KeptGallery(Gallery):
    """A gallery of a Store: what is added, removed and embedded is kept. Every method raises UserError when the place
    cannot be reached, or when the gallery was deleted meanwhile, also by another process.

    Tables: `<key>` (COLUMNS) and, for each model that embedded it, `<key>_<hash>` (id, vector). Pictures lie in the folder
    `<key>` of `pictures`; their bytes are never in a table.
    """

    def __init__(self, tables: Tables, pictures: Path, name: str, key: str) -> None:
        super().__init__(name, pictures / key)
        self.key = key
        self._tables = tables
        self._version = 0  # of the items' table, when it was last read
        self._dirty: set[str] = set()  # tables written since they were last tidied

    def create(self) -> None:
        """Make the gallery's folder and its empty table of items. Raises FileExistsError where the folder is there."""
        self.folder.mkdir(parents=True)
        self._tables.open(self.key, COLUMNS)

    def copy_rows(self, items: list[Item], vectors: Mapping[Space, Mapping[str, Vectors]]) -> None:
        """Write the items, whose pictures are in the folder already, and those of their vectors [d] that are known, by
        item id."""
        self._append(items)
        ids = {item.id for item in items}
        for space, rows in vectors.items():
            self._save(space, {key: row for key, row in rows.items() if key in ids})
        self._tidy()

    def refresh(self) -> bool:
        """See what other processes added and removed; returns whether the items changed."""
        with self._state, plain_errors():
            table = self._tables.open(self.key)
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
        with plain_errors():
            self._tables.open(self.key).add(rows)
            self._dirty.add(self.key)

    def _forget(self, ids: list[str]) -> None:
        with plain_errors():
            for name in self._tables.names(self.key) if ids else []:
                table = self._tables.open(name)
                for start in range(0, len(ids), IDS_AT_ONCE):
                    table.delete(f"id IN ({', '.join(map(quoted, ids[start : start + IDS_AT_ONCE]))})")

    def _load(self, space: Space) -> Mapping[str, Vectors]:
        with plain_errors():
            name = self._vectors_name(space)
            if name not in self._tables.names(self.key):
                return {}
            rows = self._tables.open(name).to_arrow()
            if not rows.num_rows:
                return {}
            flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            vectors = flat.reshape(rows.num_rows, -1)
            return dict(zip(rows["id"].to_pylist(), vectors, strict=True))

    def _save(self, space: Space, rows: Mapping[str, Vectors]) -> None:
        if not rows:
            return
        import pyarrow as pa

        with plain_errors():
            matrix = np.stack(list(rows.values())).astype(np.float32, copy=False)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
            name = self._vectors_name(space)
            table = self._tables.open(name, {"id": "string", "vector": vectors.type})
            table.add(pa.table({"id": list(rows), "vector": vectors}))
            self._dirty.add(name)

    def _tidy(self) -> None:
        """Merge the small files that appends leave; readers load whole tables, so an hour's versions suffice."""
        dirty, self._dirty = self._dirty, set()
        for name in dirty:
            try:
                self._tables.open(name).optimize(cleanup_older_than=timedelta(hours=1))
            except (OSError, ValueError, RuntimeError) as error:  # another process tidies: then it is being done
                log.info("a table of a kept gallery was not tidied: %s", kind_of(error))

    def _vectors_name(self, space: Space) -> str:
        return f"{self.key}_{blake2b(json.dumps(space).encode(), digest_size=8).hexdigest()}"
