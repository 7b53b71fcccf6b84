# SPDX-License-Identifier: Apache-2.0

"""Leaves something out of what a model is asked: a part of the picture, or a word."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageFilter
from PIL.Image import Image

from core.errors import UserError

FILLS = {"blur": "a strongly blurred copy", "mean": "the mean colour of the picture"}
# Closer to pictures that models know than a patch of one colour. The deletion scores of maps by either do not decide: by blur
# and by mean 0.15 and 0.16 on a kitten, 0.81 and 0.89 on a cup, where a random order gets 0.78 (the built-in model).
DEFAULT_FILL = "blur"
BLUR = 1 / 12  # standard deviation, as a share of the shorter side: shapes are gone, colours stay
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the width and height, 0..1 from the top left
WORD = re.compile(r"\w+(?:['’-]\w+)*")


def hide(
    image: Image, boxes: Sequence[Box] = (), mask: NDArray[np.generic] | None = None, fill: str = DEFAULT_FILL
) -> Image:
    """A copy with the boxes, and what `mask` [h, w] marks (True, or up to 1, where it is hidden), filled in. The mask covers
    the whole picture whatever its own size. Raises UserError where there is nothing to hide or a box lies outside."""
    if not len(boxes) and mask is None:
        raise UserError("Mark a part of the picture first: brush over it, or give a box.")
    hidden = PILImage.new("L", image.size)
    if mask is not None:
        hidden = _resized(np.clip(np.asarray(mask, np.float32), 0, 1), image.size)
    for x0, y0, x1, y1 in boxes:
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):  # also turns away NaN
            raise UserError(
                "A box is left, top, right, bottom as shares of the picture, from 0 to 1: right must be greater than left, bottom than top."
            )
        place = (round(x0 * image.width), round(y0 * image.height), round(x1 * image.width), round(y1 * image.height))
        hidden.paste(255, place)
    if not hidden.getbbox():
        raise UserError("The marked part is empty. Brush over a larger one.")
    return covered(image, filled(image, fill), hidden)


def filled(image: Image, fill: str = DEFAULT_FILL) -> Image:
    """What is seen in the place of hidden parts, as large as the picture. Raises UserError for a fill that is none of FILLS."""
    if fill == "blur":
        return image.filter(ImageFilter.GaussianBlur(BLUR * min(image.size)))
    if fill == "mean":
        colour = np.asarray(image).reshape(-1, 3).mean(0)
        return PILImage.new("RGB", image.size, tuple(round(float(c)) for c in colour))
    raise UserError(f"There is no fill called {str(fill)[:40]!r}. Choose one of: {', '.join(FILLS)}.")


def keep(image: Image, under: Image, kept: NDArray[np.floating]) -> Image:
    """The picture where `kept` [h, w] is 1, `under` (as large) where it is 0, blended between; `kept` covers the whole picture."""
    return covered(image, under, _resized(1 - kept, image.size))


def covered(image: Image, under: Image, hidden: Image) -> Image:
    return PILImage.composite(under, image, hidden)


def words(text: str) -> list[str]:
    """The words that can be hidden, each once, in the order of the text: none if there is only one."""
    found = list(dict.fromkeys(word.lower() for word in WORD.findall(text or "")))
    return found if len(found) > 1 else []


def without_word(text: str, word: str) -> str:
    """The text without this word wherever it stands, whatever its case; punctuation stays. Raises UserError where it is not
    there, or nothing would be left."""
    wanted = (word or "").strip().lower()
    if wanted not in {one.lower() for one in WORD.findall(text)}:
        raise UserError(f"There is no word “{str(word)[:40]}” in “{text[:60]}”. Choose one that is.")
    left = WORD.sub(lambda found: "" if found[0].lower() == wanted else found[0], text)
    if not WORD.search(left):
        raise UserError(f"Without “{str(word)[:40]}” nothing is left to ask. Hide another word.")
    return re.sub(r"\s+([?.!,;:])", r"\1", " ".join(left.split()))


def _resized(mask: NDArray[np.floating], size: tuple[int, int]) -> Image:
    """[h, w] in 0..1 as a picture of this size, its edges as soft as the mask is coarse."""
    if mask.ndim != 2:
        raise UserError("A mask has one number for each pixel: rows and columns.")
    return PILImage.fromarray((mask * 255).round().astype(np.uint8)).resize(size, PILImage.Resampling.BILINEAR)
