# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification, before and after: the similarities, and what the scoring made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.explain._bars import Panel, bar_figure
from core.explain._style import BLUE, ORANGE, plain
from core.explain._words import number, percent, quoted
from core.explain.drawing import Drawing
from core.results import Classification

LABELS_SHOWN = 10
TITLES = {
    "softmax": "after: softmax of the logits",
    "independent": "after: probability of each label by itself",
    "cosine": "after: unchanged (raw cosine)",
}


def drawing(result: Classification, picture: int = 0) -> Drawing:
    """The best labels of one picture: cosine similarity above, score below."""
    scores, before = result.scores[picture], result.similarities[picture]
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[:LABELS_SHOWN]
    names = [plain(result.labels[i]) for i in best]
    title = "before: logit of each label" if result.own_labels else "before: cosine similarity with the picture"
    limit = None if result.scoring == "cosine" else 1
    figure = bar_figure(
        [
            Panel(title, names, [before[i] for i in best], BLUE),
            Panel(TITLES[result.scoring], names, [scores[i] for i in best], ORANGE, limit, "//"),
        ]
    )
    return Drawing(figure, _finding(result, picture))


def _finding(result: Classification, picture: int) -> str:
    quantity = "logit" if result.own_labels else "cosine similarity"
    (first, top), *others = _ranked(result.labels, result.similarities[picture], number)
    next_ = "; next " + ", ".join(others[0]) if others else ""
    found = f"{first} has the highest {quantity}, {top}{next_}." if others else f"{first} has a {quantity} of {top}."
    if result.scoring == "cosine":
        return found
    scoring = "Softmax" if result.scoring == "softmax" else "Weighing each label by itself"
    shares = [f"{share} for {label}" for label, share in _ranked(result.labels, result.scores[picture], percent)]
    return f"{found} {scoring} makes that {' and '.join(shares)}."


def _ranked(labels: Sequence[str], values: Sequence[float], said: Callable[[float], str]) -> list[tuple[str, str]]:
    """The two highest."""
    order = sorted(range(len(values)), key=lambda i: -values[i])[:2]
    return [(quoted(labels[i]), said(values[i])) for i in order]
