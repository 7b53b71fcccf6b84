# SPDX-License-Identifier: Apache-2.0

"""Retrieval: how far each result lies from the next."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from core.explain._style import BLUE, horizontal_bars, new_figure, plain
from core.results import Hit

HITS_SHOWN = 15


def figure(hits: Sequence[Hit], measure: str = "cosine similarity with the query") -> Figure:
    """The score of each of the first results; `measure` says what it is."""
    shown = hits[:HITS_SHOWN]
    names = [f"{rank}. {plain(hit.caption or hit.id, 34)}" for rank, hit in enumerate(shown, 1)]
    fig = new_figure(7, 0.9 + 0.3 * len(shown))
    horizontal_bars(fig.subplots(), names, [hit.score for hit in shown], BLUE, measure)
    return fig
