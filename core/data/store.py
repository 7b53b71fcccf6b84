# SPDX-License-Identifier: Apache-2.0

"""All galleries that are kept in one place: rows in LanceDB, in a folder or at an s3:// address; pictures in a folder.

The table `galleries` lists them (name, key, created); core/data/kept.py says what each has of its own.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from core.data.galleries import Gallery
from core.data.kept import KeptGallery
from core.data.lance import Tables, kind_of, plain_errors, quoted
from core.errors import UserError

log = logging.getLogger(__name__)

MAX_NAME = 80  # characters
MAX_OPEN = 4  # galleries whose vectors stay in memory; 100,000 of 512 numbers are 200 MB
KEY = re.compile(r"gallery_[0-9a-f]{16}")
CATALOGUE = "galleries"


class Store:
    """All kept galleries of one place. Share one; every method may be called from any thread.

    `pictures` is a folder that every process using the place can see; `storage_options` as in `Tables`. Every method raises
    UserError when the place cannot be reached.
    """

    def __init__(self, place: str, pictures: Path, storage_options: Mapping[str, str] | None = None) -> None:
        self.tables = Tables(place, storage_options)
        self.pictures = pictures.absolute()
        self._open: OrderedDict[str, KeptGallery] = OrderedDict()  # the least recently used first
        self._lock = threading.Lock()  # guards _open

    def names(self) -> list[str]:
        """Names of all galleries, the oldest first."""
        with plain_errors():
            return list(self._keys())

    def open(self, name: str) -> KeptGallery:
        """The gallery as it is now; one object for all who open it here. Raises UserError if there is none."""
        name = clean_name(name)
        key = self._key(name)
        with self._lock:
            gallery = self._open.setdefault(key, KeptGallery(self.tables, self.pictures, name, key))
            self._open.move_to_end(key)
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        gallery.refresh()
        return gallery

    def keep(self, gallery: Gallery, name: str) -> KeptGallery:
        """Copy a gallery, with the vectors it has, under a new name. Raises UserError if the name is taken.

        It enters the catalogue last, so nobody sees half a gallery, and a name goes to one of those who
        ask for it at once.
        """
        name = clean_name(name)
        if name in self.names():
            raise _taken(name)
        key = f"gallery_{blake2b(name.encode() + os.urandom(16), digest_size=8).hexdigest()}"
        try:
            with plain_errors():
                self._copy(gallery, KeptGallery(self.tables, self.pictures, name, key))
                self._claim(name, key)
        except BaseException:
            try:
                self._drop(key)
            except Exception as error:
                log.warning("what was written of a gallery could not be removed: %s", kind_of(error))
            raise
        return self.open(name)

    def delete(self, name: str) -> None:
        """Remove a gallery, its vectors and its copies of the pictures. Raises UserError if there is none."""
        key = self._key(clean_name(name))
        with plain_errors():
            self.catalogue().delete(f"key = {quoted(key)}")
            self._drop(key)
        with self._lock:
            self._open.pop(key, None)

    def catalogue(self) -> Any:
        """The table of all galleries. Raises LanceDB's own errors."""
        return self.tables.open(CATALOGUE, {"name": "string", "key": "string", "created": "float64"})

    def _keys(self) -> dict[str, str]:
        """{name: key}. The first row of a name counts: rows stand in the order they were committed in."""
        keys: dict[str, str] = {}
        for row in self.catalogue().to_arrow().to_pylist():
            if KEY.fullmatch(row["key"]):  # it names a folder that delete() empties
                keys.setdefault(row["name"], row["key"])
        return keys

    def _key(self, name: str) -> str:
        with plain_errors():
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

    def _copy(self, gallery: Gallery, kept: KeptGallery) -> None:
        kept.create()
        items = [item for item in gallery.items if Path(item.path).is_file()]  # the rest could not be shown anyway
        for item in items:
            shutil.copyfile(item.path, kept.folder / Path(item.path).name)
        kept.copy_rows(items, {space: rows.by_id() for space, rows in gallery.known().items()})

    def _drop(self, key: str) -> None:
        for name in self.tables.names(key):
            self.tables.drop(name)
        shutil.rmtree(self.pictures / key, ignore_errors=True)


def clean_name(name: str) -> str:
    """Trimmed and printable, 1 to MAX_NAME characters. Raises UserError otherwise."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise UserError(f"Give the gallery a name of 1 to {MAX_NAME} characters.")
    return name


def _taken(name: str) -> UserError:
    return UserError(f"There is a gallery called {name!r} already. Choose another name.")
