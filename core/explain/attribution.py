# SPDX-License-Identifier: Apache-2.0

"""Attribution: how much each patch of the picture mattered to an answer or to each word of a caption, as maps over it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from PIL.Image import Image

from core.explain._style import new_figure, plain
from core.models.abilities import Attribution

MAX_WORD_MAPS = 8  # that get a map of their own


def figure(image: Image, found: Attribution, check: Attribution | None = None) -> Figure | None:
    """Above, the mean over the words and then each of them; below, the same of a model with shuffled weights. Maps are
    drawn from their lowest to their highest value. None if there is no word."""
    if not found.words:
        return None
    many = len(found.words) > 1
    words = [*(["all words"] if many else []), *found.words[:MAX_WORD_MAPS]]
    small = image.convert("L")
    small.thumbnail((400, 400))
    aspect = min(max(image.height / image.width, 0.4), 2.0)
    rows = 2 if check is not None and len(check.maps) == len(found.maps) else 1
    fig = new_figure(1.9 * len(words) + 0.2, (1.9 * aspect + 0.35) * rows + 0.1)
    grid = fig.subplots(rows, len(words), squeeze=False)
    for row, (attribution, prefix) in enumerate(((found, ""), (check, "shuffled: "))[:rows]):
        assert attribution is not None
        maps = attribution.maps.numpy()
        for axis, word, map_ in zip(grid[row], words, [*([maps.mean(0)] if many else []), *maps], strict=False):
            axis.imshow(small, cmap="gray", extent=(0, 1, 0, 1), aspect="auto")
            axis.imshow(_stretched(map_), cmap="inferno", alpha=0.6, extent=(0, 1, 0, 1), aspect="auto")
            axis.set_title(plain(prefix + word, 20), fontsize=9)
            axis.axis("off")
            axis.set_box_aspect(aspect)
    return fig


def correlation(found: Attribution, check: Attribution) -> float:
    """Correlation of the mean maps, -1..1: near 1, the map would say nothing about what the model has learned."""
    a, b = (attribution.maps.numpy().mean(0).ravel() for attribution in (found, check))
    if a.std() < 1e-12 or b.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _stretched(map_: np.ndarray) -> np.ndarray:
    low, high = float(map_.min()), float(map_.max())
    return np.asarray((map_ - low) / max(high - low, 1e-12))
