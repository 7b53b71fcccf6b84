# SPDX-License-Identifier: Apache-2.0

"""Galleries: pictures with captions, and the vectors that models made of them.

Vectors are computed once for each picture and model, and only for what is missing. A gallery that is kept beyond the visit
(core/data/kept.py) overrides the methods at the end of Gallery, which do nothing here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from core.data.copies import MAX_SIDE, copy_path, copy_picture
from core.data.vectors import WORKERS, Item, Rows, Space, Stop, Vectors, align, embed, missing
from core.engine import OnStep
from core.errors import UserError, check_stop
from core.models.inference import Models
from core.text import TEXT_LIMIT, clean_text

__all__ = ["MAX_SIDE", "AddReport", "Gallery", "Item", "Rows", "Space", "Vectors"]

MAX_ITEMS = 200_000  # what one exact search in memory still answers at once
SAVE_EVERY = 1_024  # items that were added, or vectors that were computed


@dataclass(frozen=True)
class AddReport:
    """Items in the order they came in; (file name, why) of what was not added; (file name, what its owner should know) of what
    was read with a remark, for example that only the first of several frames is used."""

    added: list[Item] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


class Gallery:
    """Pictures in an order that only additions and removals change. Every method may be called from any thread.

    `folder` is where copies of added pictures go; by default one that goes away with the gallery.
    """

    def __init__(
        self, name: str, folder: Path | None = None, items: Iterable[Item] = (), read_only: bool = False
    ) -> None:
        self.name, self.read_only = name, read_only
        self._temporary = None if folder else TemporaryDirectory(prefix="vlm-lab-gallery-")
        self.folder = folder or Path(self._temporary.name)  # type: ignore[union-attr]
        self._items = tuple(items)
        self._rows: dict[Space, Rows] = {}
        self._state = threading.RLock()  # guards the two above
        self._embedding = threading.Lock()  # one embeds, the next finds it done

    @property
    def items(self) -> tuple[Item, ...]:
        """As of now; hand it to `vectors` for rows that match it whatever others add meanwhile."""
        return self._items

    def __len__(self) -> int:
        return len(self._items)

    def add(
        self, files: Sequence[tuple[Path | str, str]], on_step: OnStep | None = None, stop: Stop | None = None
    ) -> AddReport:
        """Copy the pictures of (file, caption) in, scaled to MAX_SIDE. A bad one is skipped, with the reason.

        Raises Stopped, keeping what was added until then, and UserError for a read-only gallery.
        """
        self._check_writable()
        report, batch = AddReport(), list[tuple[str, Item]]()
        pool = ThreadPoolExecutor(WORKERS)
        try:
            copies = pool.map(lambda file: copy_picture(Path(file), self.folder, stop), [file for file, _ in files])
            for done, ((file, caption), copy) in enumerate(zip(files, copies, strict=True), 1):
                name = Path(file).name
                if copy.refusal:
                    report.skipped.append((name, copy.refusal))
                else:
                    batch.append((name, Item(copy.id, str(copy_path(self.folder, copy.id)), _clean(caption))))
                if copy.note:
                    report.notes.append((name, copy.note))
                if len(batch) >= SAVE_EVERY:
                    self._commit(batch, report)
                    batch = []
                if on_step:
                    on_step(done, len(files))
                check_stop(stop)
        finally:
            pool.shutdown(cancel_futures=True)
            self._commit(batch, report)
            self._tidy()
        return report

    def remove(self, ids: Iterable[str]) -> int:
        """Remove the items of these ids, their vectors and their files; ids that are not there are ignored. Returns how many
        were removed. Raises UserError for a read-only gallery."""
        self._check_writable()
        wanted = set(ids)
        with self._state:
            gone = [item for item in self._items if item.id in wanted]
            self._forget([item.id for item in gone])
            self._items = tuple(item for item in self._items if item.id not in wanted)
            for space, rows in self._rows.items():
                self._rows[space] = align(self._items, space, rows.by_id())
        for item in gone:
            if Path(item.path).parent == self.folder:
                Path(item.path).unlink(missing_ok=True)
        return len(gone)

    def vectors(
        self,
        models: Models,
        model: str,
        on_step: OnStep | None = None,
        stop: Stop | None = None,
        items: tuple[Item, ...] | None = None,
    ) -> Vectors:
        """[n, d] unit rows in the order of `items`, read-only; [0, 0] for an empty gallery.

        Raises Stopped, keeping every vector finished until then, and UserError when a picture is gone.
        """
        return self._complete(
            Space("image", model, models.catalog.revision(model)), models, on_step, stop, items
        ).vectors

    def caption_vectors(
        self,
        models: Models,
        model: str,
        on_step: OnStep | None = None,
        stop: Stop | None = None,
        items: tuple[Item, ...] | None = None,
    ) -> tuple[list[int], Vectors]:
        """The same for captions: the indices of the m items that have one, and their vectors [m, d]."""
        rows = self._complete(Space("caption", model, models.catalog.revision(model)), models, on_step, stop, items)
        return rows.indices, rows.vectors

    def known(self) -> dict[Space, Rows]:
        """All vectors that were computed or put here until now, by space: what a copy of this gallery needs."""
        with self._state:
            return dict(self._rows)

    def put(self, space: Space, rows: Mapping[str, Vectors]) -> None:
        """Take vectors [d], float32, by item id, that were computed elsewhere; ids that are not there are ignored."""
        with self._state:
            self._rows[space] = align(self._items, space, rows)

    def _complete(
        self, space: Space, models: Models, on_step: OnStep | None, stop: Stop | None, items: tuple[Item, ...] | None
    ) -> Rows:
        items = self._items if items is None else items
        ready = self._rows.get(space)
        if ready is None or ready.items is not items or not ready.whole:
            with _held(self._embedding, stop):
                ready = self._embed_missing(space, items, models, on_step, stop)
        return ready

    def _embed_missing(
        self, space: Space, items: tuple[Item, ...], models: Models, on_step: OnStep | None, stop: Stop | None
    ) -> Rows:
        rows = self._rows.get(space)
        known = rows.by_id() if rows else {}
        if missing(items, space, known):
            known.update(self._load(space))
        todo = missing(items, space, known)
        fresh: dict[str, Vectors] = {}
        try:
            for done, (item, vector) in enumerate(embed(space, todo, models, stop), 1):
                known[item.id] = fresh[item.id] = vector
                if len(fresh) >= SAVE_EVERY:
                    self._save(space, fresh)
                    fresh = {}
                if on_step:
                    on_step(done, len(todo))
        finally:
            with self._state:
                now = self._rows[space] = align(self._items, space, known)
            self._save(space, fresh)
            self._tidy()
        return now if now.items is items else align(items, space, known)

    def _commit(self, batch: list[tuple[str, Item]], report: AddReport) -> None:
        with self._state:
            there = {item.id for item in self._items}
            new: list[Item] = []
            for name, item in batch:
                if item.id in there:
                    report.skipped.append((name, "This picture is in the gallery already."))
                elif len(there) >= MAX_ITEMS:
                    report.skipped.append((name, f"The gallery is full: it holds {MAX_ITEMS:,} pictures."))
                else:
                    there.add(item.id)
                    new.append(item)
            if new:
                self._append(new)
                self._items += tuple(new)
                report.added.extend(new)

    def _check_writable(self) -> None:
        if self.read_only:
            raise UserError(f"The gallery {self.name!r} cannot be changed. Make one of your own to add pictures.")

    # What a gallery that outlives the visit does besides; here nothing is kept.

    def _append(self, items: list[Item]) -> None:
        """Keep new items."""

    def _forget(self, ids: list[str]) -> None:
        """Drop items and all their vectors."""

    def _load(self, space: Space) -> Mapping[str, Vectors]:
        """The kept vectors, by item id."""
        return {}

    def _save(self, space: Space, rows: Mapping[str, Vectors]) -> None:
        """Keep new vectors."""

    def _tidy(self) -> None:
        """Called after a series of writes."""


def _clean(caption: str) -> str:
    return clean_text(caption[:TEXT_LIMIT]).strip()


@contextmanager
def _held(lock: threading.Lock, stop: Stop | None) -> Iterator[None]:
    """Hold the lock; waiting for it can be stopped too."""
    while not lock.acquire(timeout=0.1):
        check_stop(stop)
    try:
        yield
    finally:
        lock.release()
