# SPDX-License-Identifier: Apache-2.0

"""Files that a visitor uploads to fill a gallery: pictures, a list of captions, or a zip of both.

A zip is refused as a whole when anything in it looks like an attack.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import stat
import threading
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from core.errors import UserError, check_stop
from core.images import MAX_BYTES

log = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
CAPTION_FILES = ("captions.csv", "metadata.csv", "metadata.jsonl")
FILE_COLUMNS, CAPTION_COLUMNS = ("file_name", "file"), ("caption", "text")

MAX_ENTRIES = 20_000
MAX_DIRECTORY = 8 * 2**20  # bytes of a zip's list of entries: 400 for each of the entries allowed
MAX_UNPACKED = 4 * 10**9  # bytes
UNPACKED_AT_ONCE = 2**16  # bytes, between two looks at `stop`
MAX_RATIO = 200  # bytes unpacked for each byte of the archive; photographs stay near 1

Files = Iterable[Path] | Mapping[Path, str]


def captions_from(files: Files) -> list[tuple[Path, str]]:
    """The pictures among `files`, each with its caption ("" where none is known), ready for Gallery.add.

    Captions come from captions.csv, metadata.csv or metadata.jsonl if one is among the files, matched by
    base name; a name that two captions claim gets neither. A mapping gives each path's original name,
    where the file itself had to be called something else. Raises UserError for an unreadable caption file.
    """
    if not isinstance(files, Mapping):
        files = {Path(file): Path(file).name for file in files}
    names = {path: _base(name).lower() for path, name in files.items()}
    captions: dict[str, str] = {}
    for path, name in names.items():
        if name in CAPTION_FILES:
            for file, caption in _read_captions(path, name):
                captions[file] = caption if captions.get(file, caption) == caption else ""
    return [(path, captions.get(name, "")) for path, name in names.items() if name not in CAPTION_FILES]


def unpack(
    archive: str | Path, into: Path, whole: bool = False, stop: threading.Event | None = None
) -> dict[Path, str]:
    """Extract the pictures and caption files of a zip, flat, under names made here: {path: original base name}.

    With `whole` it is the name with its folders, parts joined by "/". Everything else in the archive is ignored.

    Leaves nothing behind when it raises: UserError for an archive that is damaged or encrypted, holds a link, a path out of
    its folder or more than the limits above; Stopped between two parts of UNPACKED_AT_ONCE bytes once `stop` is set.
    """
    into.mkdir(parents=True, exist_ok=True)
    written: dict[Path, str] = {}
    try:
        with _Zip(archive) as raw, zipfile.ZipFile(raw) as opened:
            entries = opened.infolist()
            budget = min(MAX_UNPACKED, MAX_RATIO * raw.seek(0, io.SEEK_END))
            _check(entries, budget)
            for number, entry in enumerate(entries):
                check_stop(stop)
                name = _base(entry.filename)
                if _wanted(entry.filename):
                    path = into / _safe_name(number, name)
                    written[path] = "/".join(_parts(entry.filename)) if whole else name
                    with opened.open(entry) as source, path.open("wb") as target:
                        budget -= _copy(source, target, budget, stop)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, UserError) or not isinstance(error, Exception):
            raise
        log.info("a zip could not be unpacked", exc_info=True)
        if isinstance(error, OSError):
            raise UserError("The zip could not be unpacked: it is gone, or the disk is full. Try again.") from None
        raise UserError("This zip is damaged, or packed in a way the lab cannot read. Pack it again.") from None
    return written


class _Zip(io.FileIO):
    """The archive's file, refusing the one huge read that zipfile makes: the list of all entries at once.

    Checked here because the count in the archive's trailer can lie, and by the time the entries are Python
    objects a million of them fill half a gigabyte.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_DIRECTORY:
            raise _too_many()
        return super().read(-1 if size is None else size) or b""


def _check(entries: list[zipfile.ZipInfo], budget: int) -> None:
    """Refuse what the archive says about itself. Raises UserError."""
    if len(entries) > MAX_ENTRIES:
        raise _too_many()
    for entry in entries:
        parts = _parts(entry.filename)
        if parts[0] == "" or re.match("[A-Za-z]:", parts[0]) or ".." in parts:
            raise UserError("This zip holds a file that would land outside its folder. Pack the pictures again.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise UserError("This zip holds a link to another file. Pack the pictures themselves.")
        if entry.flag_bits & 1:
            raise UserError("This zip is locked with a password. Pack it without one.")
    if sum(entry.file_size for entry in entries) > budget:
        raise _too_large()


def _copy(source: IO[bytes], target: IO[bytes], budget: int, stop: threading.Event | None) -> int:
    """Copy at most MAX_BYTES + 1 (enough for core/images.py to see that a file is too large).

    Returns the bytes written. Raises UserError beyond `budget`: sizes in an archive's headers can lie. Raises Stopped.
    """
    done = 0
    while block := source.read(min(UNPACKED_AT_ONCE, MAX_BYTES + 1 - done)):
        check_stop(stop)
        done += len(block)
        if done > budget:
            raise _too_large()
        target.write(block)
    return done


def _wanted(name: str) -> bool:
    """Pictures and caption files, but not the shadow files that macOS adds."""
    parts = _parts(name)
    hidden = any(part.startswith(".") for part in parts) or parts[0] == "__MACOSX"
    return not hidden and (parts[-1].lower().endswith(SUFFIXES) or parts[-1].lower() in CAPTION_FILES)


def _parts(name: str) -> list[str]:
    return re.split(r"[/\\]", name)  # Windows writes its own separator into some archives


def _base(name: str) -> str:
    return _parts(name)[-1]


def _safe_name(number: int, name: str) -> str:
    """A name of our making, unique by its number, in which a visitor still knows the file again."""
    stem, _, suffix = name.lower().rpartition(".")
    return f"{number:05d}_{re.sub(r'[^a-z0-9]+', '-', stem)[:40]}.{suffix}"


def _read_captions(path: Path, name: str) -> list[tuple[str, str]]:
    """(base name, caption) of every row."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig", "replace")
        if name.endswith(".jsonl"):
            rows = [dict(json.loads(line)) for line in text.splitlines() if line.strip()]
        else:
            rows = [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (OSError, ValueError, TypeError, RecursionError, csv.Error):
        log.info("a list of captions could not be read", exc_info=True)
        raise UserError(f"{name} could not be read. Save it as UTF-8, one picture a line, and try again.") from None
    return [_caption_of({str(key).strip().lower(): value for key, value in row.items()}, name) for row in rows]


def _caption_of(row: dict[str, object], name: str) -> tuple[str, str]:
    columns = [[column for column in wanted if column in row] for wanted in (FILE_COLUMNS, CAPTION_COLUMNS)]
    if not all(columns):
        raise UserError(f"{name} needs a column `file_name` (or `file`) and a column `caption` (or `text`).")
    file, caption = (str(row[found[0]] or "").strip() for found in columns)
    return _base(file).lower(), caption


def _too_many() -> UserError:
    return UserError(f"This zip holds more than {MAX_ENTRIES:,} files. Split it and add the parts one by one.")


def _too_large() -> UserError:
    return UserError("This zip unpacks to far more than its size allows. Pack only pictures, at most 4 GB in all.")
