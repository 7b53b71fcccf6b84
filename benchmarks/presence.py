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

from core.models.inference import Models
from core.tasks import zero_shot

SET_DRAWS, PAIR_DRAWS = 8, 4  # of each picture
SET_SIZE = 4  # labels
FALSELY_NONE = 0.1  # share of the sets with something present that may be called none


def measure(
    models: Models, name: str, images: Sequence[Any], categories: Sequence[str], present: NDArray[np.bool_]
) -> dict[str, float]:
    """`present` [pictures, categories]. mAP over the categories seen in two pictures or more; ECE of the probabilities
    "independent labels"; `none_caught`, see `none_of_these`; `pairs`, see `pairs_first`. A figure that these pictures cannot
    give is left out."""
    found = zero_shot.classify(models, name, images, categories, scoring="independent")
    scores, probabilities = np.array(found.similarities), np.array(found.scores)
    often = np.flatnonzero(present.sum(0) >= 2)
    figures = {
        "mAP": float(np.mean([average_precision(scores[:, c], present[:, c]) for c in often])),
        "ECE": calibration_error(probabilities.ravel(), present.ravel()),
    }
    sets = label_sets(present, np.random.default_rng(0))
    if sets:
        figures["none_caught"] = none_of_these(probabilities, sets)
    asked = pair_questions(present, categories, np.random.default_rng(0))
    if asked:
        figures["pairs"] = pairs_first(models, name, images, asked)
    return figures


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


def none_of_these(probabilities: NDArray[np.floating[Any]], sets: Sequence[LabelSet]) -> float:
    """The share of sets of absent categories whose likeliest label lies below the threshold under which FALSELY_NONE of the
    sets with one present category lie. `probabilities` [pictures, categories]."""
    without = np.array([probabilities[picture, labels].max() for picture, labels, _ in sets])
    one = np.array([probabilities[picture, labels].max() for picture, _, labels in sets])
    return float((without < np.quantile(one, FALSELY_NONE)).mean())


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


def pairs_first(models: Models, name: str, images: Sequence[Any], asked: Sequence[tuple[int, list[str]]]) -> float:
    """The share of questions whose first phrase scores highest, as "a photo of a ..."."""
    first = []
    for picture, questions in itertools.groupby(asked, key=lambda one: one[0]):
        phrases = [five for _, five in questions]
        labels = list(dict.fromkeys(itertools.chain(*phrases)))
        (row,) = zero_shot.classify(models, name, [images[picture]], labels).similarities
        of = dict(zip(labels, row, strict=True))
        first += [all(of[five[0]] > of[other] for other in five[1:]) for five in phrases]
    return float(np.mean(first))
