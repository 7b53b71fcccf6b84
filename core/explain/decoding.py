# SPDX-License-Identifier: Apache-2.0

"""MaGiC opened up: the three terms that chose a token among its candidates."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core.explain import _style
from core.explain._style import INK, LINE, WIDTH, add_axes, fitted, heading, new_figure, plain, write
from core.explain._words import listed, number, percent, quoted
from core.explain.drawing import Drawing
from core.results import Step

CANDIDATES_SHOWN = 10
NAMES, PITCH = 1.35, 0.29  # inches
# Colours and hatches, so that they are told apart without their colours.
TERMS = {
    "language model": (_style.BLUE, ""),
    "recalled captions": (_style.SKY, "//"),
    "picture": (_style.GREEN, "\\\\"),
    "repetition": (_style.VERMILION, "xx"),
}


def terms(step: Step, alpha: float, beta: float) -> dict[str, list[float]]:
    """What each term adds to each candidate's score."""
    return {
        "language model": [(1 - alpha) * (p - r) for p, r in zip(step.probabilities, step.recalled, strict=True)],
        "recalled captions": [(1 - alpha) * r for r in step.recalled],
        "picture": [beta * share for share in step.shares],
        "repetition": [-alpha * penalty for penalty in step.penalties],
    }


def drawing(step: Step, alpha: float, beta: float, so_far: str) -> Drawing:
    """Stacked bars, the highest score first; what the language model alone would have said has a star."""
    order = sorted(range(len(step.scores)), key=lambda i: -step.scores[i])[:CANDIDATES_SHOWN]
    parts = {
        term: values for term, values in terms(step, alpha, beta).items() if term != "recalled captions" or any(values)
    }
    after = heading(f"after “{plain(so_far[-70:], 70)}”", 2) if so_far else "the first word"
    alone = heading(f"* the language model alone: {quoted(word(step.alone), 20)}, {percent(step.alone_probability)}")
    head, foot = LINE * (1 + after.count("\n")) + 0.08, LINE * (1 + alone.count("\n") + -(-len(parts) // 2)) + 0.25
    body = PITCH * len(order)
    figure = new_figure(head + body + foot)
    write(figure, 0.04, 0, after, bold=True)
    axes = add_axes(figure, NAMES, head, WIDTH - NAMES, body)
    _stack(axes, step, order, parts)
    write(figure, 0.04, head + body + 0.08, alone)
    _key(figure, axes)
    return Drawing(figure, _finding(step, parts))


def word(candidate: str) -> str:
    """A token as a person reads it; the end of the text is none."""
    return candidate or "(end)"


def _stack(axes: Axes, step: Step, order: list[int], parts: dict[str, list[float]]) -> None:
    ends, places = np.zeros(len(order)), range(len(order))
    for term, values in parts.items():
        shown = np.array([values[i] for i in order])
        colour, hatch = TERMS[term]
        start = np.zeros(len(order)) if term == "repetition" else ends
        axes.barh(places, shown, 0.7, start, color=colour, hatch=hatch, label=term, edgecolor=INK, linewidth=0.8)
        ends = ends if term == "repetition" else ends + shown
    low, high = min(0.0, *axes.dataLim.intervalx), max(axes.dataLim.intervalx[1], 1e-6)
    axes.set_xlim(low, high + (high - low) * 0.25)  # room for the figures
    axes.set_ylim(len(order) - 0.5, -0.5)
    for place, i in enumerate(order):
        axes.text(ends[place] + 0.015 * (high - low), place, number(step.scores[i]), va="center")
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(places, [_name(step, i) for i in order])
    axes.tick_params(length=0, pad=4)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)


def _key(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower left", ncols=2, frameon=False, borderaxespad=0, columnspacing=1.2)


def _name(step: Step, i: int) -> str:
    mark = ("*" if step.candidates[i] == step.alone else "") + (" ◀" if i == step.chosen else "")
    return fitted(word(step.candidates[i]), NAMES - 0.4) + mark


def _finding(step: Step, parts: dict[str, list[float]]) -> str:
    chosen = step.chosen
    added = listed([f"{term} {number(values[chosen])}" for term, values in parts.items()])
    alone = (
        f"The language model alone would have said {quoted(word(step.alone), 20)}, {percent(step.alone_probability)}."
    )
    return f"{quoted(word(step.candidates[chosen]), 20)} was chosen with the score {number(step.scores[chosen])}: {added}. {alone}"
