# SPDX-License-Identifier: Apache-2.0

"""Many pictures against many labels: a heat map with every score written in it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from core.explain._style import new_figure, plain
from core.results import Classification


def figure(result: Classification, names: Sequence[str], before: bool = False) -> Figure:
    """Rows are pictures, columns labels; numbers are left out where they would not fit.

    `before` shows the cosine similarities that went into the scoring instead of the scores.
    """
    values = result.similarities if before else result.scores
    rows, columns = len(values), len(result.labels)
    fig = new_figure(min(3 + 0.8 * columns, 16), min(1.8 + 0.45 * rows, 20))
    axes = fig.subplots()
    image = axes.imshow(values, aspect="auto", cmap="cividis")
    axes.set_xticks(range(columns), [plain(label, 24) for label in result.labels], rotation=40, ha="right")
    axes.set_yticks(range(rows), [plain(name, 24) for name in names])
    if rows * columns <= 400:
        middle = (min(map(min, values)) + max(map(max, values))) / 2
        for i, row in enumerate(values):
            for j, score in enumerate(row):
                axes.text(
                    j,
                    i,
                    f"{score:.2f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="black" if score > middle else "white",
                )
    quantity = "logit" if result.own_labels else "cosine similarity"
    fig.colorbar(image, ax=axes, label=quantity if before else result.scoring, shrink=0.8)
    return fig
