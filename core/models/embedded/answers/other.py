# SPDX-License-Identifier: Apache-2.0

"""Any question that no other kind's pattern matches: the fusion transformer's answer."""

from __future__ import annotations

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import OTHER, QuestionKind, register
from core.models.embedded.questions import Question
from core.models.embedded.segmenter import Encoding


@register
class Other(QuestionKind):
    name = OTHER
    order = 90

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        fusion = self.parts.fusion
        return fusion.top(fusion.logits(encoding, question.text))

    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        return self.parts.fusion.attribution(encoding, question.text, shuffled)
