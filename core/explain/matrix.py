# SPDX-License-Identifier: Apache-2.0

"""Many pictures against many labels: heat maps with every score written in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from core.explain._style import DARK, INK, LIGHT, LINE, WIDTH, add_axes, fitted, new_figure, plain, width, write
from core.explain._words import listed, number, quoted
from core.explain.drawing import Drawing
from core.results import Classification

ROWS, COLUMNS = 24, 12  # pictures and labels that are drawn; all are in the table
BLOCK = 6  # labels side by side
NAMES, LABEL = 1.5, 1.3  # inches: widths of names of pictures and, at most, of labels
CELL, MIN_CELL = 0.3, 0.46  # inches: height of a cell and the least width that its number takes
COLOURS = "cividis"
SCORES = {"softmax": "softmax", "independent": "probability of each label by itself", "cosine": "cosine similarity"}
LABELS_SAID = 4


def drawing(result: Classification, names: Sequence[str], before: bool = False) -> Drawing:
    """Rows are pictures, columns labels, the best first, in blocks of BLOCK labels below each other.

    `before` shows the cosine similarities that went into the scoring instead of the scores.
    """
    values = np.array(result.similarities if before else result.scores)
    best = np.argsort(-values.max(0), kind="stable")[:COLUMNS]
    quantity = ("logit" if result.own_labels else "cosine similarity") if before else SCORES[result.scoring]
    figure = _figure(values[:ROWS][:, best], names[:ROWS], [result.labels[i] for i in best], quantity)
    return Drawing(figure, _finding(values, result.labels, names, quantity))


def _figure(values: NDArray[np.float64], names: Sequence[str], labels: Sequence[str], quantity: str) -> Figure:
    blocks = np.array_split(np.arange(len(labels)), -(-len(labels) // BLOCK))
    names, labels = [fitted(name, NAMES - 0.1) for name in names], [fitted(label, LABEL) for label in labels]
    slanted = max(map(width, labels)) * 0.71 + 0.15  # both up and to the right, at 45 degrees
    cell = min((WIDTH - NAMES - slanted + MIN_CELL / 2) / len(blocks[0]), 2 * MIN_CELL)
    tall = slanted + CELL * len(values) + 0.12
    figure = new_figure(LINE + tall * len(blocks))
    write(figure, 0.04, 0, quantity, bold=True)
    limits = float(values.min()), float(values.max())
    for place, block in enumerate(blocks):
        top = LINE + place * tall + slanted
        axes = add_axes(figure, NAMES, top, cell * len(block), CELL * len(values))
        _draw(axes, values[:, block], limits)
        axes.set_yticks(np.arange(len(names)) + 0.5, names)
        axes.set_xticks(np.arange(len(block)) + 0.5, [labels[i] for i in block])
        axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    return figure


def _draw(axes: Axes, values: NDArray[np.float64], limits: tuple[float, float]) -> None:
    """Cells [rows, columns] with the numbers in them, in black or white as the cell asks."""
    low, high = limits
    axes.pcolormesh(values, cmap=COLOURS, vmin=low, vmax=high, edgecolors=INK, linewidth=0.6)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = colormaps[COLOURS]((value - low) / max(high - low, 1e-12))
        light = 0.3 * red + 0.6 * green + 0.1 * blue > 0.45
        text = f"{value:.2f}" if abs(high) < 10 and abs(low) < 10 else f"{value:.0f}"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=DARK if light else LIGHT)


def _finding(values: NDArray[np.float64], labels: Sequence[str], names: Sequence[str], quantity: str) -> str:
    pictures, columns = values.shape
    wins = Counter(labels[i] for i in values.argmax(1)).most_common()
    counts = [f"{quoted(label, 40)} for {count}" for label, count in wins[:LABELS_SAID]]
    if left := sum(count for _, count in wins[LABELS_SAID:]):
        counts.append(f"other labels for {left}")
    row, column = divmod(int(values.argmax()), columns)
    best = f"The highest value is {number(values[row, column])}, {quoted(labels[column], 40)} for {plain(names[row])}."
    said = f"By {quantity}, the best label of {pictures} picture{'s' if pictures > 1 else ''}: {listed(counts)}. {best}"
    if pictures > ROWS or columns > COLUMNS:
        said += (
            f" Of {pictures} pictures and {columns} labels {min(ROWS, pictures)} and {min(COLUMNS, columns)} are drawn."
        )
    return said
