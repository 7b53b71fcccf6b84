# SPDX-License-Identifier: Apache-2.0

"""What an answer needs: a map over the picture, and how the score falls and rises as parts are hidden in its order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL.Image import Image

from core.explain._style import BLUE, INK, LINE, VERMILION, WIDTH, add_axes, new_figure, write
from core.explain._tiles import height_over_width, overlaid
from core.explain.drawing import Drawing
from core.results import Judged, Occlusion

LEFT, TALL, FOOT, MOST = 0.68, 1.5, 0.3, 1.2  # inches of a panel; the map's height over its width at most
NINTHS = (
    "upper left", "upper middle", "upper right", "middle left", "middle", "middle right",
    "lower left", "lower middle", "lower right",
)  # fmt: skip


def drawing(image: Image, found: Judged) -> Drawing:
    """The map over the picture; below, the deletion and the insertion curve, each with that of a random order, dashed."""
    tall = WIDTH * min(height_over_width(image), MOST)
    head = LINE + 0.1
    figure = new_figure(tall + 0.1 + 2 * (head + TALL + FOOT) + 2 * LINE + 0.2)
    _draw_map(figure, image, found.map)
    top = tall + 0.1
    for curve, chance, colour, title in (
        (found.deletion_curve, found.random_deletion_curve, VERMILION, "score as parts are hidden"),
        (found.insertion_curve, found.random_insertion_curve, BLUE, "score as parts come back"),
    ):
        write(figure, 0.04, top, title, bold=True)
        axes = add_axes(figure, LEFT, top + head, WIDTH - LEFT - 0.15, TALL)
        shares = np.linspace(0, 1, len(curve))
        axes.plot(shares, curve, color=colour, linewidth=2, label="in the map's order")
        axes.plot(shares, chance, "--", color=INK, label="in random order")
        axes.spines[["top", "right"]].set_visible(False)
        axes.locator_params(nbins=5)
        top += head + TALL + FOOT
    axes.set_xlabel("share hidden, or brought back")
    figure.legend(*axes.get_legend_handles_labels(), loc="lower left", ncols=2, frameon=False, borderaxespad=0.2)
    return Drawing(figure, finding(found))


def partial(image: Image, map_: NDArray[np.floating], masks: int) -> Drawing:
    """A map that is still being made, of so many masks."""
    figure = new_figure(WIDTH * min(height_over_width(image), MOST))
    _draw_map(figure, image, map_)
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


def _draw_map(figure: Figure, image: Image, map_: NDArray[np.floating]) -> None:
    """From its lowest to its highest value."""
    aspect = min(height_over_width(image), MOST)
    axes = add_axes(figure, 0.01, 0, WIDTH - 0.02, WIDTH * aspect)
    axes.imshow(np.asarray(overlaid(image, np.asarray(map_, np.float32), aspect)), aspect="auto")
    axes.axis("off")
