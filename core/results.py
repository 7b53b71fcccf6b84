"""What the tasks return: small frozen dataclasses of plain Python values, and arrays where there is a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Classification:
    """n pictures against m labels. Every matrix is a list of n rows of m."""

    labels: list[str]
    similarities: list[list[float]]  # cosines, -1..1 (the embedded model: 0..1)
    logits: list[list[float]]  # scale * cosine + bias, as the model was trained to use them
    scores: list[list[float]]  # what `scoring` makes of them
    scoring: str
    calibrated: bool  # whether the scores were measured to mean what they say


@dataclass(frozen=True)
class Hit:
    """One gallery item of a ranking. `score` is the cosine with the query, or after re-ranking the probability of a match."""

    id: str
    score: float
    caption: str


@dataclass(frozen=True)
class Recall:
    """Recall@k of one direction, in 0..1, and the queries whose first answer was wrong."""

    at: dict[int, float]
    failures: list[Failure]


@dataclass(frozen=True)
class Failure:
    """`query` asked for `wanted`, which came at `rank` (1 is first); `got` came first. All are item ids or captions."""

    query: str
    wanted: str
    got: str
    rank: int


@dataclass(frozen=True)
class Segmentation:
    """n prompts on one picture of `size` (width, height). `probabilities` [n, h, w] in 0..1 at the model's own
    resolution, covering the whole picture; `depths` are the maps [n, h', w'] that led to them, first to last."""

    labels: list[str]
    size: tuple[int, int]
    probabilities: NDArray[np.float32]
    depths: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Answers:
    """The likeliest answers to one question, best first, with confidences in 0..1; `hint` says what to bear in mind."""

    question: str
    confidences: dict[str, float]
    hint: str = ""
