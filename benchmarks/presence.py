# SPDX-License-Identifier: Apache-2.0

"""Which of many things a picture shows, whether none of a few does, and whether two things together beat one.

Each figure is that of a function of this module; benchmarks/quality.py prints them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.measured import Measured, measure
from core.models.inference import Models
from core.tasks import zero_shot

SET_DRAWS, PAIR_DRAWS = 8, 4  # of each picture
SET_SIZE = 4  # labels
FALSELY_NONE = 0.1  # share of the sets with something present that may be called none


def figures(
    models: Models, name: str, images: Sequence[Any], categories: Sequence[str], present: NDArray[np.bool_]
) -> dict[str, Measured | float]:
    """`present` [pictures, categories]. mAP over the categories seen in two pictures or more; ECE of the probabilities
    "independent labels"; `none_caught` and `none_false`, see `none_of_these`, and by the model's own threshold as `shipped`;
    `softmax`, see `right_of_four`; `pairs` and `pairs_single`, the questions of `pair_questions` and `single_questions`. A figure
    that these pictures cannot give is left out."""
    found = zero_shot.classify(models, name, images, categories, scoring="independent")
    scores, probabilities = np.array(found.similarities), np.array(found.scores)
    out: dict[str, Measured | float] = {
        "mAP": mean_average_precision(scores, present),
        "ECE": calibration_error(probabilities.ravel(), present.ravel()),
    }
    sets = label_sets(present, np.random.default_rng(0))
    if sets:
        seen = probabilities if found.presence is None else np.array(found.presence)
        out["none_caught"], out["none_false"] = none_of_these(seen, sets)
        if found.presence is not None:
            below = models.detail(name, "absent_below").labels
            caught = none_of_these(seen, sets, below)
            out["none_caught shipped"], out["none_false shipped"] = caught
        out["softmax"], out["softmax.ECE"] = right_of_four(np.array(found.logits), sets)
    asked = pair_questions(present, categories, np.random.default_rng(0))
    if asked:
        out["pairs"] = measured_first(models, name, images, asked, 0.2)
    alone = single_questions(present, categories, np.random.default_rng(0))
    if alone:
        out["pairs_single"] = measured_first(models, name, images, alone, 0.5)
    return out


def mean_average_precision(scores: NDArray[np.floating[Any]], present: NDArray[np.bool_]) -> Measured:
    """Over the categories that two pictures show, or more."""
    often = np.flatnonzero(present.sum(0) >= 2)

    def of(places: NDArray[np.integer[Any]]) -> float:
        drawn = present[places]
        return float(np.mean([average_precision(scores[places, c], drawn[:, c]) for c in often if drawn[:, c].any()]))

    rows = np.arange(len(present))
    return measure(rows, rows, prior=float(present[:, often].mean()), statistic=of)


def average_precision(scores: NDArray[np.floating[Any]], truth: NDArray[np.bool_]) -> float:
    """Mean of the precisions at each true item of the ranking."""
    ranked = truth[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def calibration_error(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Guo et al., arXiv 1706.04599) over equally wide bins."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [
        (which == b).mean() * abs(probabilities[which == b].mean() - truth[which == b].mean()) for b in np.unique(which)
    ]
    return float(sum(gaps))


LabelSet = tuple[
    int, NDArray[np.integer[Any]], NDArray[np.integer[Any]]
]  # a picture; four absent; one present, three absent


def label_sets(present: NDArray[np.bool_], rng: np.random.Generator) -> list[LabelSet]:
    """SET_DRAWS for each picture that shows something and lacks SET_SIZE categories."""
    drawn: list[LabelSet] = []
    for picture, row in enumerate(present):
        there, absent = np.flatnonzero(row), np.flatnonzero(~row)
        if len(there) and len(absent) >= SET_SIZE:
            for _ in range(SET_DRAWS):
                without = rng.choice(absent, SET_SIZE, replace=False)
                one = np.append(rng.choice(absent, SET_SIZE - 1, replace=False), rng.choice(there))
                drawn.append((picture, without, one))
    return drawn


def none_of_these(
    probabilities: NDArray[np.floating[Any]], sets: Sequence[LabelSet], threshold: float | None = None
) -> tuple[Measured, Measured]:
    """The shares of the sets of absent categories, and of those with one present, whose likeliest label lies below `threshold`;
    without one, below that under which FALSELY_NONE of the sets with one present lie. `probabilities` [pictures, categories]."""
    without = np.array([probabilities[picture, labels].max() for picture, labels, _ in sets])
    one = np.array([probabilities[picture, labels].max() for picture, _, labels in sets])
    below = np.quantile(one, FALSELY_NONE) if threshold is None else threshold
    owner = [picture for picture, _, _ in sets]
    return measure(without < below, owner, prior=FALSELY_NONE), measure(one < below, owner)


def right_of_four(logits: NDArray[np.floating[Any]], sets: Sequence[LabelSet]) -> tuple[Measured, float]:
    """Of the sets with one present category, how often the likeliest is that, and the calibration error of its softmax. The
    present one is the last of its set. `logits` [pictures, categories]."""
    shares = np.stack([softmax(logits[picture, labels]) for picture, _, labels in sets])
    right = shares.argmax(1) == SET_SIZE - 1
    found = measure(right, [picture for picture, _, _ in sets], prior=1 / SET_SIZE)
    return found, calibration_error(shares.max(1), right)


def pair_questions(
    present: NDArray[np.bool_], categories: Sequence[str], rng: np.random.Generator
) -> list[tuple[int, list[str]]]:
    """PAIR_DRAWS for each picture of two categories or more: the picture, and five phrases of which the first is true and whole:
    A and B, A and something absent, B and something absent, A, B. Chance is 0.2."""
    drawn = []
    for picture, row in enumerate(present):
        there, absent = np.flatnonzero(row), np.flatnonzero(~row)
        if len(there) >= 2 and len(absent) >= 2:
            for _ in range(PAIR_DRAWS):
                a, b = (categories[c] for c in rng.choice(there, 2, replace=False))
                c, d = (categories[c] for c in rng.choice(absent, 2, replace=False))
                drawn.append((picture, [f"{a} and a {b}", f"{a} and a {c}", f"{b} and a {d}", a, b]))
    return drawn


def single_questions(
    present: NDArray[np.bool_], categories: Sequence[str], rng: np.random.Generator
) -> list[tuple[int, list[str]]]:
    """PAIR_DRAWS for each picture of a category or more: the picture, a phrase for A, and the same with something absent, which
    is only half true."""
    drawn = []
    for picture, row in enumerate(present):
        there, absent = np.flatnonzero(row), np.flatnonzero(~row)
        if len(there) and len(absent):
            for _ in range(PAIR_DRAWS):
                a, b = categories[rng.choice(there)], categories[rng.choice(absent)]
                drawn.append((picture, [a, f"{a} and a {b}"]))
    return drawn


def measured_first(
    models: Models, name: str, images: Sequence[Any], asked: Sequence[tuple[int, list[str]]], chance: float
) -> Measured:
    """The share of questions whose first phrase scores highest, as "a photo of a ..."."""
    first, owner = [], []
    for picture, questions in itertools.groupby(asked, key=lambda one: one[0]):
        phrases = [some for _, some in questions]
        labels = list(dict.fromkeys(itertools.chain(*phrases)))
        (row,) = zero_shot.classify(models, name, [images[picture]], labels).similarities
        of = dict(zip(labels, row, strict=True))
        first += [all(of[some[0]] > of[other] for other in some[1:]) for some in phrases]
        owner += [picture] * len(phrases)
    return measure(first, owner, prior=chance)
