# SPDX-License-Identifier: Apache-2.0

"""Kinds of question whose answers are measured on the maps of a phrase, not learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import QuestionKind, resemblance
from core.models.embedded.questions import Question, bare
from core.models.embedded.segmenter import Encoding

if TYPE_CHECKING:
    from torch import Tensor


class MeasuredKind(QuestionKind):
    """Its attribution is how much each place resembles the phrase."""

    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        return resemblance(self.parts, encoding, bare(question.phrase or "thing"), shuffled)

    def maps(self, encoding: Encoding, question: Question) -> Tensor:
        """[1, len(MAPS), h, w]: of what the question asks about."""
        segmenter = self.parts.segmenter
        return segmenter.maps(encoding, segmenter.anchors.phrase_vectors([question.phrase or "thing"]))

    def probabilities(self, encoding: Encoding, question: Question) -> Tensor:
        """[2h, 2w] in 0..1: where it is."""
        return self.parts.segmenter.probabilities(encoding, self.maps(encoding, question))[0]
