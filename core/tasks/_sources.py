# SPDX-License-Identifier: Apache-2.0

"""Lists of images, a few in memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core import images
from core.engine import OnStep
from core.errors import UserError
from core.models.inference import Models


def required(image: Image | None) -> Image:
    """Raises UserError where a visitor chose none."""
    if image is None:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    return image


def embed(
    models: Models,
    name: str,
    sources: Sequence[images.Source],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> tuple[NDArray[np.float32], list[str]]:
    """Unit vectors [n, d] of the images, and what there is to say of each ("" if nothing)."""
    return in_batches(lambda batch: models.embed_images(name, batch, None, stop), sources, on_step, stop)


def in_batches(
    work: Callable[[list[Image]], NDArray[np.float32]],
    sources: Sequence[images.Source],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> tuple[NDArray[np.float32], list[str]]:
    """`work(batch)` gives [batch, ...] for each batch of the images. All together, and what there is to say of each image.
    `stop` ends it between batches, with Stopped."""
    parts: list[NDArray[np.float32]] = []
    notes: list[str] = []
    for batch in images.read_batches(sources, stop):
        parts.append(work([picture.image for picture in batch]))
        notes += [picture.note for picture in batch]
        if on_step:
            on_step(len(notes), len(sources))
    return np.concatenate(parts), notes
