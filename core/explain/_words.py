# SPDX-License-Identifier: Apache-2.0

"""Findings: how numbers, names and places in a picture are said in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.explain._style import plain

PLACES = (
    ("the upper left", "the top middle", "the upper right"),
    ("the left middle", "the middle", "the right middle"),
    ("the lower left", "the bottom middle", "the lower right"),
)


def number(value: float) -> str:
    """With two digits that say something: 12.3, 0.42, 0.052."""
    size = abs(value)
    if size < 0.0005:
        return "0.000" if size else "0"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.0995 else f"{value:.3f}"


def percent(share: float) -> str:
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def quoted(text: str, length: int = 60) -> str:
    return f"“{plain(text, length)}”"


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def ninth(map_: NDArray[np.float32]) -> tuple[str, float]:
    """Which ninth of the picture holds most of a map [h, w] of values from 0 up, by thirds of its height and width, and its
    share of the whole, 0..1; an even map has 1/9 everywhere."""
    rows, columns = (((np.arange(n) + 0.5) * 3 / n).astype(int) for n in map_.shape)
    mass = np.zeros((3, 3))
    np.add.at(mass, (rows[:, None], columns[None]), map_)
    row, column = np.unravel_index(int(mass.argmax()), (3, 3))
    return PLACES[row][column], float(mass[row, column] / max(mass.sum(), 1e-12))


def peak(map_: NDArray[np.float32]) -> str:
    """The ninth of the picture in which the highest value of a map [h, w] lies."""
    row, column = np.unravel_index(int(map_.argmax()), map_.shape)
    return PLACES[int((row + 0.5) * 3 / map_.shape[0])][int((column + 0.5) * 3 / map_.shape[1])]
