# SPDX-License-Identifier: Apache-2.0

"""ASIF opened up: which anchors match on the picture's side and on the text's side, and their products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.explain._bars import Panel, bar_figure
from core.explain._style import BLUE, GREEN, ORANGE, plain
from core.explain._words import number, quoted
from core.explain.drawing import Drawing
from core.results import Anchor, contributions

NAMED = 3  # of the products that a finding names


def strongest(vector: NDArray[np.float32], names: Sequence[str], top: int) -> list[tuple[str, float]]:
    """The anchors with the largest weight on one side alone."""
    best = np.argsort(-vector, kind="stable")[:top]
    return [(names[i], float(vector[i])) for i in best if vector[i] > 0]


def drawing(
    image: NDArray[np.float32], text: NDArray[np.float32], names: Sequence[str], label: str, top: int = 7
) -> Drawing:
    """Three lists from top to bottom: what picture and text share, which is added up, and what each of them resembles."""
    similarity, shared = float(image @ text), contributions(image, text, names, top=None)
    products = [(anchor.name, anchor.product) for anchor in shared[:top]]
    if rest := shared[top:]:
        products.append((_smaller(rest), sum(anchor.product for anchor in rest)))
    figure = bar_figure(
        [
            _panel(f"what both resemble adds up to {number(similarity)}, the similarity", products, GREEN),
            _panel("the picture resembles", strongest(image, names, top), BLUE, "//"),
            _panel(f"{quoted(label, 44)} resembles", strongest(text, names, top), ORANGE, "\\\\"),
        ]
    )
    return Drawing(figure, _finding(similarity, shared, label))


def _panel(title: str, rows: list[tuple[str, float]], colour: str, hatch: str = "") -> Panel:
    return Panel(title, [plain(name) for name, _ in rows], [value for _, value in rows], colour, hatch=hatch)


def _smaller(rest: Sequence[Anchor]) -> str:
    return f"{len(rest)} smaller one{'s' if len(rest) > 1 else ''}"


def _finding(similarity: float, shared: Sequence[Anchor], label: str) -> str:
    if not shared:
        return f"The similarity is 0: no anchor resembles both the picture and {quoted(label)}."
    parts = [f"{plain(anchor.name)} {number(anchor.product)}" for anchor in shared[:NAMED]]
    if rest := shared[NAMED:]:
        parts.append(f"and {_smaller(rest)}, together {number(sum(anchor.product for anchor in rest))}")
    return f"The similarity {number(similarity)} of the picture and {quoted(label)} is a sum over anchors: {', '.join(parts)}."
