# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification, before and after: the similarities, and what the scoring made of them."""

from __future__ import annotations

from matplotlib.figure import Figure

from core.explain._style import BLUE, ORANGE, horizontal_bars, new_figure, plain
from core.results import Classification

LABELS_SHOWN = 12
TITLES = {
    "softmax": "after: softmax of the logits",
    "independent": "after: probability of each label apart",
    "cosine": "after: unchanged (raw cosine)",
}


def figure(result: Classification, picture: int = 0) -> Figure:
    """The best labels of one picture: cosine similarity above, score below."""
    scores, cosines = result.scores[picture], result.similarities[picture]
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[:LABELS_SHOWN]
    names = [plain(result.labels[i], 28) for i in best]
    fig = new_figure(7, 1.6 + 0.56 * len(best))
    before, after = fig.subplots(2, 1)
    title = "before: logit of each label" if result.own_labels else "before: cosine similarity of picture and label"
    horizontal_bars(before, names, [cosines[i] for i in best], BLUE, title)
    horizontal_bars(after, names, [scores[i] for i in best], ORANGE, TITLES[result.scoring])
    return fig
