# SPDX-License-Identifier: Apache-2.0

"""Retrieval: how far each result lies from the next."""

from __future__ import annotations

from collections.abc import Sequence

from core.explain._bars import Panel, bar_figure
from core.explain._style import BLUE, plain
from core.explain._words import number, quoted
from core.explain.drawing import Drawing
from core.results import Hit

HITS_SHOWN = 12


def drawing(
    hits: Sequence[Hit], measure: str = "cosine similarity with the query", limit: float | None = None
) -> Drawing:
    """The score of each of the first results; `measure` says what it is, `limit` the highest that it can be, if any."""
    shown = hits[:HITS_SHOWN]
    names = [f"{rank}. {plain(hit.caption or hit.id, 60)}" for rank, hit in enumerate(shown, 1)]
    figure = bar_figure([Panel(measure, names, [hit.score for hit in shown], BLUE, limit)])
    return Drawing(figure, _finding(hits, measure))


def _finding(hits: Sequence[Hit], measure: str) -> str:
    if not hits:
        return "Nothing was found."
    first = f"First of {len(hits)} comes {quoted(hits[0].caption or hits[0].id)}, {measure} {number(hits[0].score)}"
    if len(hits) == 1:
        return first + "."
    return f"{first}; the second has {number(hits[1].score)}, the last {number(hits[-1].score)}."
