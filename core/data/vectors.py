# SPDX-License-Identifier: Apache-2.0

"""Items of a gallery, the vectors that are there for them, and computing those that are not."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core import images
from core.errors import Stopped, UserError
from core.models.inference import Models

Vectors = NDArray[np.float32]
Stop = threading.Event

WORKERS = 4  # threads that decode pictures; each may hold one of 50 megapixels
PICTURES_AT_ONCE, TEXTS_AT_ONCE = 16, 256  # what a model is given at once, so all that a stop can lose


@dataclass(frozen=True)
class Item:
    """One picture. `id` comes from its pixels, so that a gallery holds it once; `path` is the copy on disk."""

    id: str
    path: str
    caption: str


class Space(NamedTuple):
    """Whose vectors: of "image" or "caption", by which model, at which revision."""

    kind: str
    model: str
    revision: str


class Rows(NamedTuple):
    """The vectors [len(indices), d] that are there for `items`; row r belongs to items[indices[r]]."""

    items: tuple[Item, ...]
    indices: list[int]
    vectors: Vectors
    whole: bool  # whether none is missing

    def by_id(self) -> dict[str, Vectors]:
        return {self.items[index].id: row for index, row in zip(self.indices, self.vectors, strict=True)}


def _wants(item: Item, space: Space) -> bool:
    return space.kind == "image" or bool(item.caption)


def missing(items: tuple[Item, ...], space: Space, known: Mapping[str, Vectors]) -> list[Item]:
    """Those of `items` that want a vector and have none."""
    return [item for item in items if _wants(item, space) and item.id not in known]


def align(items: tuple[Item, ...], space: Space, known: Mapping[str, Vectors]) -> Rows:
    """The known vectors in the order of `items`."""
    indices = [index for index, item in enumerate(items) if _wants(item, space) and item.id in known]
    whole = not missing(items, space, known)
    rows = [known[items[index].id] for index in indices]
    vectors = np.stack(rows).astype(np.float32, copy=False) if rows else np.zeros((0, 0), np.float32)
    vectors.flags.writeable = False  # many visitors search the same array
    return Rows(items, indices, vectors, whole)


def embed(space: Space, items: list[Item], models: Models, stop: Stop | None) -> Iterator[tuple[Item, Vectors]]:
    """Each item with its vector [d]. Raises Stopped between parts, and UserError for a picture that is gone, or where the
    model is no longer that of the space's revision."""
    size = PICTURES_AT_ONCE if space.kind == "image" else TEXTS_AT_ONCE
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    with closing(_pictures(parts if space.kind == "image" else [])) as pictures:
        for part in parts:
            if stop is not None and stop.is_set():
                raise Stopped
            if space.kind == "image":
                vectors = models.embed_images(space.model, next(pictures), None, stop)
            else:
                vectors = models.embed_texts(space.model, [item.caption for item in part], None, stop)
            if models.catalog.revision(space.model) != space.revision:
                raise UserError(f"The model {space.model!r} was trained again meanwhile. Try again.")
            yield from zip(part, vectors, strict=True)


def _pictures(parts: list[list[Item]]) -> Generator[list[Image], None, None]:
    """Each part's pictures; the next part is decoded while the model is busy with this one."""
    with ThreadPoolExecutor(WORKERS) as pool:
        coming: list[Future[Image]] = []
        for part in [*parts, []]:
            now, coming = coming, [pool.submit(_open, item) for item in part]
            if now:
                yield [future.result() for future in now]


def _open(item: Item) -> Image:
    try:
        return images.read(item.path).image
    except UserError:
        name = f"“{item.caption[:60]}”" if item.caption else item.id
        raise UserError(
            f"The picture {name} of this gallery is gone or damaged. Remove it, then search again."
        ) from None
