# SPDX-License-Identifier: Apache-2.0

"""Masks over the picture, and the maps that led to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageColor, ImageFilter
from PIL.Image import Image

from core.explain._style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW, new_figure, plain
from core.mask import Mask

PROMPT_COLOURS = (VERMILION, BLUE, YELLOW, GREEN, PURPLE, SKY, ORANGE, BLACK)
MAX_OVERLAY_SIDE = 1600  # pixels of the longer side of what is shown
OPACITY = 0.45


def overlay(image: Image, found: Iterable[Mask]) -> Image:
    """The picture with each mask in a colour of its own, outlined in white and in that colour, so that masks can be told
    apart on any background and without telling colours apart."""
    size = shown_size(image)
    pixels = np.asarray(image.resize(size, PILImage.Resampling.LANCZOS), np.float32).copy()
    thick = 1 + max(size) // 400
    for number, mask in enumerate(found):
        rgb = np.array(colour(number), np.float32)
        small = PILImage.fromarray(mask.pixels().astype(np.uint8) * 255).resize(size)
        inside = np.asarray(small) > 127
        pixels[inside] += OPACITY * (rgb - pixels[inside])
        line = _grown(small, thick) & ~_shrunk(small, thick)
        pixels[_grown(small, thick + 1) & ~inside] = 255
        pixels[line] = rgb
    return PILImage.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def shown_size(image: Image) -> tuple[int, int]:
    """Of the overlay: the picture's, made smaller to MAX_OVERLAY_SIDE."""
    scale = min(1, MAX_OVERLAY_SIDE / max(image.size))
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def colour(number: int) -> tuple[int, ...]:
    return ImageColor.getrgb(PROMPT_COLOURS[number % len(PROMPT_COLOURS)])


def legend(labels: Sequence[str]) -> list[tuple[str, str]]:
    """(label, colour as #rrggbb) in the order of the masks."""
    return [(label, PROMPT_COLOURS[number % len(PROMPT_COLOURS)]) for number, label in enumerate(labels)]


def heat_maps(image: Image, labels: Sequence[str], maps: NDArray[np.float32]) -> Figure:
    """The article's row: the picture, then the probability map of each prompt, 0..1."""
    columns = min(1 + len(maps), 5)
    rows = -(-(1 + len(maps)) // columns)
    width = 2.4
    fig = new_figure(width * columns + 0.6, (width * _aspect(image) + 0.4) * rows)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    axes[0].imshow(_thumbnail(image))
    axes[0].set_title("the picture", fontsize=10)
    drawn = None
    for axis, label, map_ in zip(axes[1:], labels, maps, strict=False):
        drawn = axis.imshow(map_, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        axis.set_title(plain(label, 24), fontsize=10)
    for axis in axes:
        axis.axis("off")
        axis.set_box_aspect(_aspect(image))
    if drawn:
        fig.colorbar(drawn, ax=list(axes), label="probability", shrink=0.8)
    return fig


def depths(image: Image, labels: Sequence[str], maps: Mapping[str, NDArray[np.float32]], shown: int = 3) -> Figure:
    """A row for each of the first prompts: every map that led to its mask, each from its own lowest to its highest
    value, over the picture."""
    shown = min(shown, len(labels))
    columns = max(len(maps), 1)
    fig = new_figure(2.4 * columns + 0.4, (2.4 * _aspect(image) + 0.4) * shown)
    grid = fig.subplots(shown, columns, squeeze=False)
    thumbnail = _thumbnail(image).convert("L")
    for number, (row, label) in enumerate(zip(grid, labels, strict=False)):
        for axis, (name, stack) in zip(row, maps.items(), strict=False):
            axis.imshow(thumbnail, cmap="gray", extent=(0, 1, 0, 1), aspect="auto")
            axis.imshow(stack[number], cmap="inferno", alpha=0.65, extent=(0, 1, 0, 1), aspect="auto")
            axis.set_title(f"{plain(label, 16)}: {name}", fontsize=8)
            axis.axis("off")
            axis.set_box_aspect(_aspect(image))
    return fig


def _aspect(image: Image) -> float:
    """Height over width, within what a figure can show."""
    return min(max(image.height / image.width, 0.25), 3.0)


def _thumbnail(image: Image) -> Image:
    small = image.copy()
    small.thumbnail((480, 480))
    return small


def _grown(mask: Image, by: int) -> NDArray[np.bool_]:
    return np.asarray(mask.filter(ImageFilter.MaxFilter(2 * by + 1))) > 127


def _shrunk(mask: Image, by: int) -> NDArray[np.bool_]:
    return np.asarray(mask.filter(ImageFilter.MinFilter(2 * by + 1))) > 127
