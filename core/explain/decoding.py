"""MaGiC opened up: the three terms that chose a token among its candidates."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from core.explain._style import BLUE, GREEN, VERMILION, new_figure, plain
from core.results import Step

SHOWN = 12


def terms(step: Step, alpha: float, beta: float) -> tuple[list[float], list[float], list[float]]:
    """What the language model, the penalty for repetition and the picture add to each candidate's score."""
    return (
        [(1 - alpha) * p for p in step.probabilities],
        [-alpha * penalty for penalty in step.penalties],
        [beta * share for share in step.shares],
    )


def figure(step: Step, alpha: float, beta: float, so_far: str) -> Figure:
    """Stacked bars, the highest score first; the language model's own choice is marked."""
    order = sorted(range(len(step.scores)), key=lambda i: -step.scores[i])[:SHOWN]
    language, penalty, picture = ([part[i] for i in order] for part in terms(step, alpha, beta))
    fig = new_figure(7, 0.32 * len(order) + 1.4)
    axes = fig.subplots()
    places = range(len(order))
    edge: dict[str, Any] = {"edgecolor": "black", "linewidth": 0.5}
    axes.barh(places, language, color=BLUE, label="language model", **edge)
    axes.barh(places, picture, left=language, color=GREEN, label="picture", **edge)
    axes.barh(places, penalty, color=VERMILION, label="repetition", **edge)
    for place, i in enumerate(order):
        axes.text(language[place] + picture[place], place, f" {step.scores[i]:.3f}", va="center", fontsize=9)
    names = [_name(step, i) for i in order]
    axes.set_yticks(places, names, fontsize=10)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=9)
    axes.set_title(f"after “{plain(so_far, 60)}”" if so_far else "the first word", fontsize=11, loc="left")
    return fig


def word(candidate: str) -> str:
    """A token as a person reads it; the end of the text is none."""
    return candidate or "(end)"


def _name(step: Step, i: int) -> str:
    marks = " ◀" if i == step.chosen else ""
    return plain(word(step.candidates[i]), 20) + (" (the language model's choice)" if i == 0 else "") + marks
