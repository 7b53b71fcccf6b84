# SPDX-License-Identifier: Apache-2.0

"""Probability maps at the size of their picture, a strip at a time: only a part of them is in memory at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.images import Size

PIXELS_AT_ONCE = 2**20  # of the enlarged maps
NONE = 255  # the owner of a pixel that no map claims
Probabilities = NDArray[np.float32]


def reaching(map_: Probabilities, threshold: float, size: Size) -> NDArray[np.bool_]:
    """[height, width]: where the map [h, w], enlarged to (width, height), is at least the threshold."""
    found = np.empty(size[::-1], np.bool_, order="F")
    for top, bottom in _strips(size):
        found[top:bottom] = enlarged(map_, size, top, bottom) >= threshold
    return found


def likeliest(maps: Probabilities, threshold: float, size: Size) -> NDArray[np.uint8]:
    """[height, width]: which of the maps [n, h, w], enlarged, is highest, the first of equals; NONE where none reaches the
    threshold."""
    owners = np.empty(size[::-1], np.uint8, order="F")
    for top, bottom in _strips(size):
        best = enlarged(maps[0], size, top, bottom)
        owner = np.zeros(best.shape, np.uint8)
        for number, map_ in enumerate(maps[1:], 1):
            other = enlarged(map_, size, top, bottom)
            owner[other > best] = number
            np.maximum(best, other, out=best)
        owner[best < threshold] = NONE
        owners[top:bottom] = owner
    return owners


def enlarged(map_: Probabilities, size: Size, top: int = 0, bottom: int | None = None) -> Probabilities:
    """Rows from `top` to `bottom` of the map [h, w] at this size."""
    width, height = size
    bottom = height if bottom is None else bottom
    scale = map_.shape[0] / height
    box = (0, top * scale, map_.shape[1], min(bottom * scale, map_.shape[0]))
    return np.array(Image.fromarray(map_).resize((width, bottom - top), Image.Resampling.BILINEAR, box))


def _strips(size: Size) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the rows of each part of a picture."""
    width, height = size
    rows = max(1, PIXELS_AT_ONCE // width)
    return ((top, min(top + rows, height)) for top in range(0, height, rows))
