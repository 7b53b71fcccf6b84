# SPDX-License-Identifier: Apache-2.0

"""ASIF opened up: which anchors fired on the picture's side and on the text's side, and their products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from core.explain._style import BLUE, GREEN, ORANGE, horizontal_bars, new_figure, plain
from core.results import contributions


def strongest(vector: NDArray[np.float32], names: Sequence[str], top: int = 8) -> list[tuple[str, float]]:
    """The anchors with the largest weight on one side alone."""
    best = np.argsort(-vector, kind="stable")[:top]
    return [(names[i], float(vector[i])) for i in best if vector[i] > 0]


def figure(
    image: NDArray[np.float32], text: NDArray[np.float32], names: Sequence[str], label: str, top: int = 8
) -> Figure:
    """Three lists from top to bottom: what the picture resembles, what the text resembles, what they share."""
    sides = [
        (strongest(image, names, top), BLUE, "the picture resembles these anchors"),
        (strongest(text, names, top), ORANGE, f"“{plain(label, 30)}” resembles these anchors"),
        (
            [(anchor.name, anchor.product) for anchor in contributions(image, text, names, top)],
            GREEN,
            f"their products: all together {float(image @ text):.3f}, the similarity",
        ),
    ]
    heights = [max(len(rows), 1) + 1.2 for rows, _, _ in sides]
    fig = new_figure(7, 0.27 * sum(heights) + 0.8)
    for axes, (rows, colour, title) in zip(fig.subplots(3, 1, height_ratios=heights), sides, strict=True):
        horizontal_bars(axes, [plain(name, 30) for name, _ in rows], [value for _, value in rows], colour, title)
    return fig
