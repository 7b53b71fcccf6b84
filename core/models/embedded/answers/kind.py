# SPDX-License-Identifier: Apache-2.0

"""What a kind of question is to the embedded model, and which kind a question is of."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from core.models.abilities import Attribution
from core.models.embedded import answers
from core.models.embedded.questions import Question, plain_words, singular
from core.registry import Registry, discover

if TYPE_CHECKING:
    from torch import Tensor

    from core.models.embedded.fusion import FusionAnswerer
    from core.models.embedded.presence import Presence
    from core.models.embedded.segmenter import Encoding, MapSegmenter
    from core.models.embedded.vocabulary import Vocabulary

TOP = 5  # answers that are shown
OTHER = "other"  # the kind of a question that no pattern matches
STOP_WORDS = {"what", "which", "who", "where", "when", "why", "how", "is", "are", "was", "were", "be", "do", "does", "did", "the", "a", "an", "of", "in", "on", "at", "to", "this", "that", "these", "those", "it", "there", "you", "can", "see", "picture", "photo", "image", "and", "or"}  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What the kinds answer from."""

    segmenter: MapSegmenter
    vocabulary: Vocabulary
    presence: Presence
    fusion: FusionAnswerer


class QuestionKind(ABC):
    """A picture's encoding comes on the device of the towers; see `dense_features` for its parts.

    `patterns` are regular expressions over the whole question, in lower case and without punctuation, with the groups
    "phrase" and "region"; kinds are tried by `order`, the lowest first. `example` is shown to people; "" where no hint is.
    """

    name: ClassVar[str]
    order: ClassVar[int] = 50
    example: ClassVar[str] = ""
    patterns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @abstractmethod
    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        """At most TOP answers with their confidences in 0..1, likeliest first."""

    @abstractmethod
    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        """Of the first answer to the patches; `shuffled` is the same for a copy whose weights were shuffled."""


QUESTION_KINDS: Registry[type[QuestionKind]] = Registry("kind of question")


def register(kind: type[QuestionKind]) -> type[QuestionKind]:
    """Decorates the class of each kind's file."""
    return QUESTION_KINDS.register(kind.name, kind)


def all_kinds() -> list[type[QuestionKind]]:
    """In the order in which their patterns are tried."""
    discover(answers)
    return sorted(QUESTION_KINDS, key=lambda kind: (kind.order, kind.name))


def parse(text: str) -> Question:
    """The kind whose pattern matches first; a question that none matches is OTHER, about its words but STOP_WORDS."""
    words = plain_words(text)
    for kind in all_kinds():
        for pattern in kind.patterns:
            if found := re.fullmatch(pattern, " ".join(words)):
                groups = found.groupdict()
                region = (groups.get("region") or "").replace("centre", "middle").replace("center", "middle")
                return Question(kind.name, singular((groups.get("phrase") or "").strip()), region, text)
    return Question(OTHER, " ".join(word for word in words if word not in STOP_WORDS), text=text)


def resemblance(parts: Parts, encoding: Encoding, word: str, shuffled: bool) -> Attribution:
    """The attribution of an answer that comes from no transformer: one map of how much each place resembles the word that
    it gave, or that it was asked about. `shuffled` gives the word the anchors of others."""
    import torch

    from core.models.layers.dense_features import INPUT_SIZES, to_peak

    vector: Tensor = parts.segmenter.anchors.phrase_vectors([word])[0]
    if shuffled:
        vector = vector[torch.randperm(len(vector), generator=torch.Generator().manual_seed(0))]
    similar = encoding[f"places {INPUT_SIZES[-1]}"] @ vector
    return Attribution([f"resembles “{word}”"], to_peak(similar[None]).cpu())


def shares(weights: dict[str, float]) -> dict[str, float]:
    """Weights of evidence as shares that add up to 1, the largest first, without those of none; at most TOP."""
    total = sum(weights.values()) or 1.0
    ranked = sorted(weights.items(), key=lambda item: -item[1])[:TOP]
    return {answer: weight / total for answer, weight in ranked if weight > 0}
