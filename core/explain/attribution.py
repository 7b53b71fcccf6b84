# SPDX-License-Identifier: Apache-2.0

"""Attribution: how much each patch of the picture mattered to an answer or to each word of a caption, as maps over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core.explain._style import plain
from core.explain._tiles import Scale, Tile, height_over_width, overlaid, tile_figure
from core.explain._words import listed, ninth, percent, quoted
from core.explain.drawing import Drawing
from core.models.abilities import Attribution

MAX_WORD_MAPS = 8  # that get a map of their own
WORDS_SAID = 3  # in the finding: those whose maps are least even
EVEN = 1 / 9  # of a map lies in each ninth of the picture if it says nothing
SCALE = Scale("inferno", "lowest", "weight of each patch", "highest")


def drawing(image: Image, found: Attribution, check: Attribution | None = None) -> Drawing | None:
    """The mean over the words, the same of a copy with shuffled weights, `check`, and then each word's map. Each is drawn
    from its lowest to its highest value. None if there is no word."""
    if not found.words:
        return None
    maps, many = found.maps.numpy(), len(found.words) > 1
    aspect = height_over_width(image)
    named = [("all words", maps.mean(0))] if many else [(found.words[0], maps[0])]
    if check is not None and len(check.maps):
        named.append(("shuffled", check.maps.numpy().mean(0)))
    if many:
        named += zip(found.words[:MAX_WORD_MAPS], maps, strict=False)
    tiles = [Tile(name, overlaid(image, map_, aspect)) for name, map_ in named]
    said = _finding(found.words, maps)
    if check is not None and len(check.maps):
        said += f" The map of a copy with shuffled weights correlates with it at {correlation(found, check):.2f}."
    return Drawing(tile_figure(tiles, aspect, SCALE), said)


def correlation(found: Attribution, check: Attribution) -> float:
    """Correlation of the mean maps, -1..1: near 1, the map hardly depends on the weights."""
    a, b = (attribution.maps.numpy().mean(0).ravel() for attribution in (found, check))
    if a.std() < 1e-12 or b.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _finding(words: Sequence[str], maps: NDArray[np.float32]) -> str:
    place, share = ninth(maps.mean(0))
    name = "All words together" if len(words) > 1 else _named(words[0])
    whole = f"{name[0].upper()}{name[1:]}: {percent(share)} of the weight lies in {place} of the picture, where an even map has {percent(EVEN)}."
    if len(words) == 1:
        return whole
    least_even = sorted(zip(words, map(ninth, maps), strict=False), key=lambda row: -row[1][1])[:WORDS_SAID]
    each = [f"{_named(word)} {percent(share)} in {place}" for word, (place, share) in least_even]
    return f"{whole} By word: {listed(each)}."


def _named(word: str) -> str:
    """In quotation marks, unless it has some."""
    return plain(word) if "“" in word else quoted(word, 40)
