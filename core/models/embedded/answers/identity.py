# SPDX-License-Identifier: Apache-2.0

"""“What animal is this?”, “what is on the left?”"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import TOP, QuestionKind, register, resemblance
from core.models.embedded.questions import HERE, WHERE, Question
from core.models.embedded.segmenter import Encoding
from core.models.embedded.vocabulary import candidates
from core.models.layers.dense_features import INPUT_SIZES

if TYPE_CHECKING:
    from torch import Tensor

REGION_BOUNDS = {  # of a grid: (rows, columns) as fractions from, to
    "left": ((0, 1), (0, 0.5)),
    "right": ((0, 1), (0.5, 1)),
    "top": ((0, 0.5), (0, 1)),
    "bottom": ((0.5, 1), (0, 1)),
    "middle": ((0.25, 0.75), (0.25, 0.75)),
}


@register
class Identity(QuestionKind):
    """The open words that the picture, or the part asked about, resembles most."""

    name = "identity"
    order = 60
    example = "“what animal is this?”, “what is on the left?”"
    patterns = (
        rf"(?:what|which|who)(?:'s)?(?:\s+(?:kind|type|sort|breed)s?\s+of)?(?:\s+(?P<phrase>(?!is\b|are\b|do\b|does\b|can\b).+?))??(?:\s+(?:is|are)(?:\s+(?:this|that|it|these|there|shown|seen))?|\s+(?:do|can)\s+(?:you|we)\s+see|\s+does\s+\w+\s+\w+\s+show)?{HERE}{WHERE}{HERE}",
    )

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        words = candidates(question.phrase)
        logits = self.parts.vocabulary.logits(representation(encoding, question.region), words)
        values, indices = logits.softmax(-1).topk(min(TOP, len(words)))
        names = list(words)
        return {names[i]: value for i, value in zip(indices.tolist(), values.tolist(), strict=True)}

    def attribution(self, encoding: Encoding, question: Question, shuffled: bool) -> Attribution:
        return resemblance(self.parts, encoding, next(iter(self.answer(encoding, question))), shuffled)


def representation(encoding: Encoding, region: str) -> Tensor:
    """[anchors], unit norm: of the whole picture, or the mean of the places in one part of it."""
    from torch.nn.functional import normalize

    if not region:
        return encoding["whole"]
    rows, columns = REGION_BOUNDS[region]
    parts = []
    for size in INPUT_SIZES:
        places = encoding[f"places {size}"]
        (top, bottom), (left, right) = (
            (int(n * start), max(round(n * end), int(n * start) + 1))
            for n, (start, end) in zip(places.shape, (rows, columns), strict=False)
        )
        parts.append(places[top:bottom, left:right].mean((0, 1)))
    return normalize(sum(parts), dim=0)  # type: ignore[arg-type]
