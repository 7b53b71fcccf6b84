# SPDX-License-Identifier: Apache-2.0

"""Masks over the picture, and the maps that led to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageColor, ImageFilter
from PIL.Image import Image

from core.explain._style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW, plain
from core.explain._tiles import COLUMNS, Scale, Tile, coloured, height_over_width, overlaid, small, tile_figure
from core.explain._words import peak, percent, quoted
from core.explain.drawing import Drawing
from core.mask import Mask

PROMPT_COLOURS = (VERMILION, BLUE, YELLOW, GREEN, PURPLE, SKY, ORANGE, GREY)
MAX_OVERLAY_SIDE = 1600  # pixels of the longer side of what is shown
OPACITY = 0.45
LIKELY = 0.5  # the probability at which a finding counts a place as the prompt's
PROMPTS_SAID = 3  # of how many prompts a finding speaks
PROBABILITY = Scale("cividis", "0", "probability", "1")
OWN_RANGE = Scale("inferno", "lowest", "each map by itself", "highest")


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
    """Red, green and blue, 0..255, of the mask of this number; they repeat."""
    return ImageColor.getrgb(PROMPT_COLOURS[number % len(PROMPT_COLOURS)])


def legend(labels: Sequence[str]) -> list[tuple[str, str]]:
    """(label, colour as #rrggbb) in the order of the masks."""
    return [(label, PROMPT_COLOURS[number % len(PROMPT_COLOURS)]) for number, label in enumerate(labels)]


def heat_maps(image: Image, labels: Sequence[str], maps: NDArray[np.float32]) -> Drawing:
    """The article's row: the picture, then the probability map of each prompt, 0..1."""
    aspect = height_over_width(image)
    tiles = [Tile("the picture", small(image, aspect))]
    tiles += [Tile(label, coloured(map_, aspect, "cividis")) for label, map_ in zip(labels, maps, strict=False)]
    said = [_reached(label, map_) for label, map_ in zip(labels[:PROMPTS_SAID], maps, strict=False)]
    return Drawing(
        tile_figure(tiles, aspect, PROBABILITY if len(maps) else None), " ".join([*said, _more(labels)]).strip()
    )


def depths(
    image: Image, labels: Sequence[str], maps: Mapping[str, NDArray[np.float32]], shown: int = PROMPTS_SAID
) -> Drawing | None:
    """For each of the first prompts every map that led to its mask, each from its own lowest to its highest value, over
    the picture. None where no map is known."""
    if not maps or not labels:
        return None
    aspect = height_over_width(image)
    tiles, said = [], []
    for number, label in enumerate(labels[:shown]):
        stacks = {name: stack[number] for name, stack in maps.items()}
        tiles += [Tile(f"{plain(label, 14)}: {name}", overlaid(image, map_, aspect)) for name, map_ in stacks.items()]
        tiles += [Tile("", None)] * (-len(stacks) % COLUMNS)
        said.append(_moved(label, [peak(map_) for map_ in stacks.values()]))
    words = f"From the first map that led to its mask to the last, the highest place {'; '.join(said)}."
    return Drawing(tile_figure(tiles, aspect, OWN_RANGE), f"{words} {_more(labels, shown)}".strip())


def _reached(label: str, map_: NDArray[np.float32]) -> str:
    inside = float((map_ >= LIKELY).mean())
    share = f"{percent(inside)} of the picture reaches {LIKELY}" if inside else f"nowhere reaches {LIKELY}"
    return f"{quoted(label, 40)}: highest probability {map_.max():.2f}, in {peak(map_)}; {share}."


def _moved(label: str, places: Sequence[str]) -> str:
    first, last = places[0], places[-1]
    return f"of {quoted(label, 40)} " + (f"stays in {last}" if first == last else f"goes from {first} to {last}")


def _more(labels: Sequence[str], said: int = PROMPTS_SAID) -> str:
    """That there are prompts of which nothing is said."""
    left = len(labels) - said
    return f"And {left} more prompt{'s' if left > 1 else ''}." if left > 0 else ""


def _grown(mask: Image, by: int) -> NDArray[np.bool_]:
    return np.asarray(mask.filter(ImageFilter.MaxFilter(2 * by + 1))) > 127


def _shrunk(mask: Image, by: int) -> NDArray[np.bool_]:
    return np.asarray(mask.filter(ImageFilter.MinFilter(2 * by + 1))) > 127
