# SPDX-License-Identifier: Apache-2.0

"""How good answers are where the truth is known, with intervals: what benchmarks/ and core/tasks/measuring.py have in common.

All draw whole pictures; figures come under "part.figure".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.figures import FIFTHS, right_at
from core.measured import Measured, measure
from core.tasks._ranking import Vectors, ranks

Scores = NDArray[np.floating[Any]]
Truth = NDArray[np.bool_]
Figures = dict[str, Measured]
CHOICES, DRAWS = 4, 4  # labels of a choice, and choices for each picture
BINS = 10  # of the calibration error


def recall(
    part: str, queries: Vectors, gallery: Vectors, right: Sequence[Sequence[int]], at: Sequence[int], owners: Any = None
) -> Figures:
    """`PART.R@k`: the share of queries [q, d] with a right row of `gallery` [n, d] among the first k; the prior is that of
    an order by chance. `owners` [q] says which picture each query comes from, by default each from its own."""
    rank, _ = ranks(queries, gallery, right)
    owners = np.arange(len(queries)) if owners is None else owners
    return {f"{part}.R@{k}": measure(rank <= k, owners, _by_chance(right, len(gallery), k)) for k in at}


def _by_chance(right: Sequence[Sequence[int]], rows: int, k: int) -> float:
    """The mean probability that one of the first k of `rows` is right, in an order by chance."""
    count = np.array([len(own) for own in right])
    missed = np.ones(len(right))
    for place in range(min(k, rows)):
        missed *= np.maximum(rows - count - place, 0) / (rows - place)
    return float(1 - missed.mean())


def mean_average_precision(part: str, scores: Scores, present: Truth) -> Figures:
    """`PART.mAP` over the labels seen in two pictures or more: how near the top of all pictures, ordered by score, those
    that show a label come. Both [pictures, labels]; the prior is that of an order by chance. {} without such a label."""
    often = np.flatnonzero(present.sum(0) >= 2)
    if not len(often):
        return {}
    scores, present = scores[:, often], present[:, often]

    def figure(pictures: NDArray[np.integer[Any]]) -> float:
        return _average_precisions(scores[pictures], present[pictures])

    pictures = np.arange(len(scores))
    return {f"{part}.mAP": measure(pictures, pictures, float(present.mean()), figure)}


def _average_precisions(scores: Scores, present: Truth) -> float:
    """The mean over the columns that have a true row; nan without any."""
    ranked = np.take_along_axis(present, np.argsort(-scores, axis=0, kind="stable"), 0)
    true = ranked.sum(0)
    precision = np.cumsum(ranked, axis=0) / np.arange(1, len(ranked) + 1)[:, None]
    found = (precision * ranked).sum(0)[true > 0] / true[true > 0]
    return float(found.mean()) if len(found) else float("nan")


def choice(part: str, logits: Scores, present: Truth) -> Figures:
    """Which of CHOICES labels, of which one is in the picture? `PART.top1` is the share of first labels that are right, of
    DRAWS choices for each picture, and the rest as `reliability` of its probability. {} where no choice can be drawn.

    `logits` and `present` are [pictures, labels]; the softmax is over the labels of the choice, as for a visitor's list.
    """
    drawn = _choices(present, np.random.default_rng(0))
    if not drawn:
        return {}
    pictures = np.array([picture for picture, _ in drawn])
    shares = softmax(np.array([logits[picture, labels] for picture, labels in drawn]), axis=1)
    right = shares.argmax(1) == 0
    # Equal logits are a guess and not a hit: argmax would give the first, which is the right one.
    right &= (shares == shares.max(1, keepdims=True)).sum(1) == 1
    top = {f"{part}.top1": measure(right, pictures, 1 / CHOICES)}
    return top | reliability(part, shares.max(1), right, pictures)


def _choices(present: Truth, rng: np.random.Generator) -> list[tuple[int, NDArray[np.integer[Any]]]]:
    """(picture, its CHOICES labels, the one that is there first)."""
    drawn = []
    for picture, row in enumerate(present):
        there, absent = np.flatnonzero(row), np.flatnonzero(~row)
        if len(there) and len(absent) >= CHOICES - 1:
            for _ in range(DRAWS):
                others = rng.choice(absent, CHOICES - 1, replace=False)
                drawn.append((picture, np.array([rng.choice(there), *others])))
    return drawn


def reliability(part: str, confidences: Scores, right: Truth, pictures: NDArray[Any]) -> Figures:
    """What confidences [n] in 0..1 are worth: `PART.ECE`, the expected calibration error (Guo et al., arXiv 1706.04599), and
    `PART.right at 0.6-0.8`, the share that is right of those in each fifth that has any."""

    def error(rows: NDArray[np.integer[Any]]) -> float:
        return _calibration_error(confidences[rows], right[rows])

    figures = {f"{part}.ECE": measure(confidences, pictures, statistic=error)}
    fifth = np.minimum((confidences * FIFTHS).astype(int), FIFTHS - 1)
    for number in np.unique(fifth):
        those = fifth == number
        figures[f"{part}.{right_at(float(number) / FIFTHS)}"] = measure(right[those], pictures[those])
    return figures


def _calibration_error(confidences: Scores, right: Truth) -> float:
    which = np.minimum((confidences * BINS).astype(int), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    gaps = np.bincount(which, confidences, BINS) - np.bincount(which, right, BINS)
    return float(np.abs(gaps).sum() / count.sum())
