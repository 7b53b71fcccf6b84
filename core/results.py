# SPDX-License-Identifier: Apache-2.0

"""What the tasks return: small frozen dataclasses of plain Python values, and arrays where there is a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Anchor(NamedTuple):
    """One anchor's part in a similarity: its product is added to the score."""

    name: str
    image: float
    text: float
    product: float


def contributions(
    image: NDArray[np.floating], text: NDArray[np.floating], names: Sequence[str], top: int | None = 8
) -> list[Anchor]:
    """The anchors that add most to the dot product of two relative representations [anchors], largest first.

    All products together are the score. Anchors that add nothing are left out, so the list may be short.
    """
    products = image * text
    best = np.argsort(-products, kind="stable")[:top]
    return [Anchor(names[i], float(image[i]), float(text[i]), float(products[i])) for i in best if products[i] > 0]


@dataclass(frozen=True)
class Classification:
    """n pictures against m labels. Every matrix is a list of n rows of m."""

    labels: list[str]
    # Cosines, -1..1 (the embedded model: 0..1); the logits where labels are the model's own. A label of several noun phrases,
    # by a model with `Scale.further`, has the sum of their cosines less its `costs`.
    similarities: list[list[float]]
    logits: list[list[float]]  # scale * cosine + bias, as the model was trained to use them
    scores: list[list[float]]  # what `scoring` makes of them
    scoring: str
    calibrated: bool  # whether it was measured how often a label with such a score is right
    own_labels: bool = False  # whether they are the model's, which read none of those typed
    sigmoid: bool = False  # whether the model was trained to score each label apart, as SigLIP is
    notes: list[str] = field(default_factory=list)  # what to say of each picture, "" if nothing
    # Whether probably none of the labels is in each picture; None where the model has not measured that, see `absence`.
    none_of_these: list[bool | None] = field(default_factory=list)
    presence: list[list[float]] | None = None  # P(it is in the picture), of what is there as often as not
    costs: list[float] = field(
        default_factory=list
    )  # taken away from each label's sum of several noun phrases' cosines


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
    resolution, covering the whole picture; `depths` are the maps [n, h', w'] that led to them, first to last. `presence`
    says how likely each is in the picture, of what is there as often as not, and `absent` whether it probably is not; None, or
    an empty list, where that was not measured."""

    labels: list[str]
    size: tuple[int, int]
    probabilities: NDArray[np.float32]
    depths: dict[str, NDArray[np.float32]]
    presence: list[float | None] = field(default_factory=list)
    absent: list[bool | None] = field(default_factory=list)


@dataclass(frozen=True)
class Answers:
    """The likeliest answers to one question, best first, with confidences in 0..1; `hint` says what to bear in mind."""

    question: str
    confidences: dict[str, float]
    hint: str = ""


@dataclass(frozen=True)
class Step:
    """One token of a MaGiC caption: k candidates, likeliest first, with the terms that chose among them.

    `probabilities` by the language model over its whole vocabulary, of which `recalled` is what the nearest captions add;
    `penalties` -1..1 the largest cosine with an earlier hidden state, `similarities` of the text so far with the picture,
    `shares` their softmax over the candidates, `scores` the weighted sum; `chosen` is the winner's place. `alone` is what
    the language model would have said by itself, with `alone_probability`."""

    candidates: list[str]
    probabilities: list[float]
    recalled: list[float]
    penalties: list[float]
    similarities: list[float]
    shares: list[float]
    scores: list[float]
    chosen: int
    alone: str
    alone_probability: float


@dataclass(frozen=True)
class Draft:
    """A caption as far as it is written. `tokens` begin with the writer's end token; `ended` if they end with it, too."""

    text: str
    tokens: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    ended: bool = False


@dataclass(frozen=True)
class Captioned:
    """What one method says of one picture, by its place: `captions` with the numbers that decided between them, the answer
    first. `similarity` is that of the answer with the picture by the embedded model, 0..1; `found` if of all pictures
    compared the answer resembles its own most. `note` is what there is to say of the picture, "" if nothing."""

    picture: int
    method: str
    captions: dict[str, float]
    similarity: float
    found: bool
    note: str = ""

    @property
    def caption(self) -> str:
        return next(iter(self.captions))


@dataclass(frozen=True)
class Candidate:
    """A caption of the bank: its ASIF score with the picture, and how much the other good ones agree with it, each 0..1."""

    caption: str
    score: float
    agreement: float


@dataclass(frozen=True)
class AsifCaption:
    """`caption` is the one that the best of the bank agree on, `first` the one with the highest score, `best` the most agreed
    upon. `picture` and `words` [anchors] are the relative representations of the picture and of `caption` over the anchors
    `names`: their dot product is its score, `evidence` the anchors that add to it."""

    caption: str
    first: str
    best: list[Candidate]
    names: list[str] = field(repr=False)
    picture: NDArray[np.floating] = field(repr=False)
    words: NDArray[np.floating] = field(repr=False)

    @property
    def evidence(self) -> list[Anchor]:
        return contributions(self.picture, self.words, self.names, top=None)


@dataclass(frozen=True)
class Judged:
    """A map of importance, and how well its order holds (Petsiuk et al., arXiv 1806.07421, section 3.3).

    `map` [h, w] covers the whole picture; what is higher matters more. `deletion_curve` are the scores as ever more of the
    picture is hidden, the most important cells first, evenly from nothing to everything; `insertion_curve` those as they come
    back into a blurred copy. The random curves are the same in a random order, the mean of several. `deletion` and
    `insertion` are the areas under the curves, where 0 is the score of nothing left and 1 that of the whole picture: a
    good map has a low deletion and a high insertion. NaN where the whole picture scores no higher than nothing."""

    map: NDArray[np.floating] = field(repr=False)
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    deletion_curve: list[float] = field(repr=False)
    insertion_curve: list[float] = field(repr=False)
    random_deletion_curve: list[float] = field(repr=False)
    random_insertion_curve: list[float] = field(repr=False)


@dataclass(frozen=True)
class Occlusion(Judged):
    """A map by hiding parts of the picture, in units of the score, signed. `masks` is how many pictures with something hidden
    it was made of, `whole` the score of the picture as it is, `ninths` the scores with each ninth of it hidden, row by row."""

    masks: int
    method: str
    whole: float
    ninths: list[float]


class Difference(NamedTuple):
    """One line of a Change."""

    name: str
    before: float
    after: float
    difference: float


@dataclass(frozen=True)
class Change:
    """The same question asked twice, the second time with something hidden: scores by name. A name that only one of the two
    has counts 0 in the other."""

    before: dict[str, float]
    after: dict[str, float]

    @property
    def rows(self) -> list[Difference]:
        """All names, the largest difference first, whatever its sign."""
        names = dict.fromkeys([*self.before, *self.after])
        pairs = [(name, self.before.get(name, 0.0), self.after.get(name, 0.0)) for name in names]
        return sorted((Difference(*pair, pair[2] - pair[1]) for pair in pairs), key=lambda row: -abs(row.difference))
