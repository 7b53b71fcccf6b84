# SPDX-License-Identifier: Apache-2.0

"""Small pictures and maps in rows of three, each with its name, as a telephone shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image, Resampling

from core.explain._style import INK, LINE, WIDTH, add_axes, folded, new_figure, write

COLUMNS = 3
GAP = 0.14  # inches between two tiles
TITLE_LINES = 3
PIXELS = 32_000  # of a tile: two for each of a telephone's, and eighteen tiles weigh less than 250 kB
OPACITY = 0.6  # of a map over the picture


class Tile(NamedTuple):
    title: str
    image: Image | None  # None leaves the place empty


class Scale(NamedTuple):
    """What the colours of the maps stand for: from `low` to `high`."""

    colours: str  # a colour map of matplotlib's
    low: str
    name: str
    high: str


def tile_figure(tiles: Sequence[Tile], aspect: float, scale: Scale | None = None) -> Figure:
    """`aspect` is height over width of all of them. The scale is drawn below."""
    columns = COLUMNS if len(tiles) > 2 else 2
    side = (WIDTH - 0.02 - GAP * (columns - 1)) / columns
    rows = [
        [tile._replace(title=folded(tile.title, side, TITLE_LINES)) for tile in tiles[start : start + columns]]
        for start in range(0, len(tiles), columns)
    ]
    heads = [LINE * (1 + max(tile.title.count("\n") for tile in row)) + 0.03 for row in rows]
    tall = sum(heads) + (side * aspect + GAP) * len(rows)
    figure = new_figure(tall + (0.16 + 1.4 * LINE if scale else 0))
    top = 0.0
    for row, head in zip(rows, heads, strict=True):
        for column, (title, image) in enumerate(row):
            if image is not None:
                left = 0.01 + column * (side + GAP)
                write(figure, left, top, title)
                _show(figure, left, top + head, side, side * aspect, image)
        top += head + side * aspect + GAP
    if scale:
        _draw_scale(figure, tall, scale)
    return figure


def height_over_width(image: Image) -> float:
    """Within what a tile can show."""
    return min(max(image.height / image.width, 0.4), 2.0)


def small(image: Image, aspect: float) -> Image:
    """The picture at a tile's size in pixels."""
    across = max(1, round((PIXELS / aspect) ** 0.5))
    return image.convert("RGB").resize((across, max(1, round(across * aspect))), Resampling.LANCZOS)


def coloured(map_: NDArray[np.float32], aspect: float, colours: str, smooth: bool = True) -> Image:
    """A map [h, w] of 0..1 as a tile, smoothly enlarged or each cell as a block."""
    rgb = colormaps[colours](np.asarray(map_, np.float32), bytes=True)[..., :3]
    across = max(1, round((PIXELS / aspect) ** 0.5))
    how = Resampling.BILINEAR if smooth else Resampling.NEAREST
    return PILImage.fromarray(np.ascontiguousarray(rgb)).resize((across, max(1, round(across * aspect))), how)


def overlaid(picture: Image, map_: NDArray[np.float32], aspect: float, colours: str = "inferno") -> Image:
    """A map [h, w], from its lowest to its highest value, over the picture in grey."""
    low, high = float(map_.min()), float(map_.max())
    stretched = (map_ - low) / max(high - low, 1e-12)
    grey = small(picture.convert("L"), aspect)
    return PILImage.blend(grey, coloured(stretched, aspect, colours, smooth=False), OPACITY)


def _show(figure: Figure, left: float, top: float, width: float, height: float, image: Image) -> None:
    axes = add_axes(figure, left, top, width, height)
    axes.imshow(np.asarray(image), aspect="auto", interpolation="none")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=INK, linewidth=0.8)


def _draw_scale(figure: Figure, top: float, scale: Scale) -> None:
    strip = coloured(np.linspace(0, 1, 256, dtype=np.float32)[None], 0.05, scale.colours)
    _show(figure, 0.01, top, WIDTH - 0.02, 0.14, strip)
    place = 1 - (top + 0.34) / figure.get_figheight()
    for x, text, side in ((0.0, scale.low, "left"), (0.5, scale.name, "center"), (1.0, scale.high, "right")):
        figure.text(x, place, text, ha=side, va="baseline")
