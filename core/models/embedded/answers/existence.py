# SPDX-License-Identifier: Apache-2.0

"""“Is there a dog?”"""

from __future__ import annotations

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import QuestionKind, register
from core.models.embedded.questions import ARTICLE, HERE, REGION, WHERE, Question
from core.models.embedded.segmenter import Encoding

RIVAL_WEIGHT = 0.5  # of the log odds by which another of its category is likelier, chosen on the demo gallery's nouns


@register
class Existence(QuestionKind):
    """The fusion transformer's answer; of the whole picture, calibrated similarity is added to its "yes"."""

    name = "existence"
    order = 10
    example = "“is there a dog?”"
    patterns = (
        rf"(?:is|are)\s+(?:there|this|these|that|it)\s+{ARTICLE}(?P<phrase>.+?){HERE}{WHERE}{HERE}",
        rf"(?:do|can|could)\s+(?:you|we|i|one)\s+(?:see|spot|find)\s+{ARTICLE}(?P<phrase>.+?){HERE}{WHERE}{HERE}",
        rf"(?:does|do)\s+(?:the|this)\s+\w+\s+(?:show|contain|have)\s+{ARTICLE}(?P<phrase>.+?){HERE}{WHERE}",
        rf"(?:is|are)\s+{ARTICLE}(?P<phrase>.+?)\s+(?:on|at|in|to)\s+the\s+{REGION}(?:\s+(?:side|half|part))?(?:\s+or\b.*)?{HERE}",
    )

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        fusion, presence = self.parts.fusion, self.parts.presence
        logits = fusion.logits(encoding, question.text)
        if not question.region:
            rival = max(0.0, presence.rival_log_odds(encoding, question.phrase))
            logits[0] += presence.log_odds(encoding, question.phrase) - RIVAL_WEIGHT * rival  # 0 is "yes"
        return fusion.top(logits)

    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        return self.parts.fusion.attribution(encoding, question.text, shuffled)
