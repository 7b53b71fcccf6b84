# SPDX-License-Identifier: Apache-2.0

"""What an answer needs: a map over the picture, and how the score falls and rises as parts are hidden in its order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL.Image import Image

from core.explain._style import BLACK, BLUE, VERMILION, new_figure
from core.explain.drawing import Drawing
from core.results import Judged, Occlusion

WIDTH = 4.8  # inches
NINTHS = (
    "upper left", "upper middle", "upper right", "middle left", "middle", "middle right",
    "lower left", "lower middle", "lower right",
)  # fmt: skip


def drawing(image: Image, found: Judged) -> Drawing:
    """The map over the picture; below, the deletion and the insertion curve, each with that of a random order, dashed."""
    aspect = min(max(image.height / image.width, 0.4), 1.5)
    figure = new_figure(WIDTH, WIDTH * aspect + 4.2)
    axes = figure.subplots(3, 1, height_ratios=(WIDTH * aspect, 2.1, 2.1))
    _draw_map(axes[0], image, found.map, aspect)
    for panel, curve, chance, colour, title in (
        (axes[1], found.deletion_curve, found.random_deletion_curve, VERMILION, "deletion"),
        (axes[2], found.insertion_curve, found.random_insertion_curve, BLUE, "insertion"),
    ):
        shares = np.linspace(0, 1, len(curve))
        panel.plot(shares, curve, color=colour, label="in the map's order")
        panel.plot(shares, chance, "--", color=BLACK, label="random order")
        panel.set_title(title, fontsize=12, loc="left")
        panel.tick_params(labelsize=12)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(fontsize=12, frameon=False)
    axes[1].sharex(axes[2])
    axes[1].tick_params(labelbottom=False)
    axes[2].set_xlabel("share hidden, or brought back", fontsize=12)
    return Drawing(figure, finding(found))


def partial(image: Image, map_: NDArray[np.floating], masks: int) -> Drawing:
    """A map that is still being made, of so many masks."""
    aspect = min(max(image.height / image.width, 0.4), 1.5)
    figure = new_figure(WIDTH, WIDTH * aspect)
    _draw_map(figure.subplots(), image, map_, aspect)
    rows, columns = (np.array_split(np.arange(n), 3) for n in map_.shape)
    means = [float(map_[np.ix_(row, column)].mean()) for row in rows for column in columns]
    return Drawing(figure, f"So far, of {masks} masks: what counts most is the {NINTHS[int(np.argmax(means))]}.")


def finding(found: Judged) -> str:
    """In words, with the figures."""
    judged = _judgement(found)
    return f"{_most(found.whole, found.ninths)} {judged}" if isinstance(found, Occlusion) else judged


def _most(whole: float, ninths: Sequence[float]) -> str:
    lowest = int(np.argmin(ninths))
    if ninths[lowest] >= whole:
        return f"Hiding no ninth of the picture lowers the score of {whole:.2f}."
    digits = 2 if whole - ninths[lowest] >= 0.05 else 3
    places = f"{whole:.{digits}f} to {ninths[lowest]:.{digits}f}"
    return f"Of nine parts, hiding the {NINTHS[lowest]} lowers the score most: from {places}."


def _judgement(found: Judged) -> str:
    if np.isnan(found.deletion) or np.isnan(found.insertion):
        return "The whole picture scores no higher than a picture with everything hidden, so the map cannot be judged."
    figures = (
        f"Deletion {found.deletion:.2f} (random order {found.random_deletion:.2f}), lower is better; "
        f"insertion {found.insertion:.2f} (random order {found.random_insertion:.2f}), higher is better."
    )
    better = (found.deletion < found.random_deletion, found.insertion > found.random_insertion)
    if all(better):
        return figures
    return f"{figures} By {'one of them' if any(better) else 'both'}, the map orders the parts no better than chance."


def _draw_map(axes: Axes, image: Image, map_: NDArray[np.floating], aspect: float) -> None:
    """From its lowest to its highest value."""
    small = image.convert("L")
    small.thumbnail((480, 480))
    low, high = float(map_.min()), float(map_.max())
    axes.imshow(small, cmap="gray", extent=(0, 1, 0, 1), aspect="auto")
    stretched = (map_ - low) / max(high - low, 1e-12)
    axes.imshow(stretched, cmap="inferno", alpha=0.6, extent=(0, 1, 0, 1), aspect="auto", interpolation="bilinear")
    axes.axis("off")
    axes.set_box_aspect(aspect)
