# SPDX-License-Identifier: Apache-2.0

"""A kind of question in one file, as a newcomer would add it: the weather, by two sentences."""

from __future__ import annotations

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import QuestionKind, register, resemblance
from core.models.embedded.questions import Question
from core.models.embedded.segmenter import Encoding

WEATHERS = ("sunny sky", "rain")


@register
class Weather(QuestionKind):
    name = "weather"
    order = 5
    example = "“what is the weather?”"
    patterns = (r"(?:what is|how is) the (?P<phrase>weather)",)

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        similar = self.parts.segmenter.anchors.phrase_vectors(WEATHERS) @ encoding["whole"]
        return dict(zip(WEATHERS, (50 * similar).softmax(0).tolist(), strict=True))

    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        return resemblance(self.parts, encoding, WEATHERS[0], shuffled)
