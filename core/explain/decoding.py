# SPDX-License-Identifier: Apache-2.0

"""MaGiC opened up: the three terms that chose a token among its candidates."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from core.explain._style import BLUE, GREEN, SKY, VERMILION, new_figure, plain
from core.results import Step

CANDIDATES_SHOWN = 12
TERM_COLOURS = {"language model": BLUE, "recalled captions": SKY, "picture": GREEN, "repetition": VERMILION}


def terms(step: Step, alpha: float, beta: float) -> dict[str, list[float]]:
    """What each term adds to each candidate's score."""
    return {
        "language model": [(1 - alpha) * (p - r) for p, r in zip(step.probabilities, step.recalled, strict=True)],
        "recalled captions": [(1 - alpha) * r for r in step.recalled],
        "picture": [beta * share for share in step.shares],
        "repetition": [-alpha * penalty for penalty in step.penalties],
    }


def figure(step: Step, alpha: float, beta: float, so_far: str) -> Figure:
    """Stacked bars, the highest score first; what the language model alone would have said is marked."""
    order = sorted(range(len(step.scores)), key=lambda i: -step.scores[i])[:CANDIDATES_SHOWN]
    fig = new_figure(7, 0.32 * len(order) + 1.4)
    axes = fig.subplots()
    ends = np.zeros(len(order))
    for term, values in terms(step, alpha, beta).items():
        shown = np.array([values[i] for i in order])
        if term == "recalled captions" and not shown.any():
            continue
        start = np.zeros(len(order)) if term == "repetition" else ends
        axes.barh(
            range(len(order)), shown, left=start, color=TERM_COLOURS[term], label=term, edgecolor="black", linewidth=0.5
        )
        ends = ends if term == "repetition" else ends + shown
    for place, i in enumerate(order):
        axes.text(ends[place], place, f" {step.scores[i]:.3f}", va="center", fontsize=9)
    axes.set_yticks(range(len(order)), [_name(step, i) for i in order], fontsize=10)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=9)
    alone = f"the language model alone: “{plain(word(step.alone), 20)}”, {step.alone_probability:.0%}"
    axes.set_title(
        (f"after “{plain(so_far, 60)}”" if so_far else "the first word") + "\n" + alone, fontsize=11, loc="left"
    )
    return fig


def word(candidate: str) -> str:
    """A token as a person reads it; the end of the text is none."""
    return candidate or "(end)"


def _name(step: Step, i: int) -> str:
    own = " (the language model's choice)" if step.candidates[i] == step.alone else ""
    return plain(word(step.candidates[i]), 20) + own + (" ◀" if i == step.chosen else "")
