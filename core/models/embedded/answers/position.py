# SPDX-License-Identifier: Apache-2.0

"""“Where is the bird?”"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.models.embedded.answers.kind import register, shares
from core.models.embedded.answers.measured import MeasuredKind
from core.models.embedded.questions import ARTICLE, HERE, Question
from core.models.embedded.segmenter import Encoding
from core.models.layers.answer_words import POSITIONS

if TYPE_CHECKING:
    from torch import Tensor


@register
class Position(MeasuredKind):
    name = "position"
    order = 40
    example = "“where is the bird?”"
    patterns = (rf"(?:where(?:\s+in\s+\w+\s+\w+)?|on which side)\s*(?:is|are|'s)\s+{ARTICLE}(?P<phrase>.+?){HERE}",)

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        return positions(self.probabilities(encoding, question))


def positions(probabilities: Tensor) -> dict[str, float]:
    """How much of the probability [h, w] lies in the outer thirds and in the middle of the picture."""
    p = probabilities.cpu().numpy()
    height, width = p.shape
    y, x = (np.arange(n) * 3 // n for n in (height, width))
    columns, rows = [p[:, x == third].sum() for third in range(3)], [p[y == third].sum() for third in range(3)]
    middle = p[np.ix_(y == 1, x == 1)].sum()
    found = (columns[0], columns[2], rows[0], rows[2], middle)
    return shares({region: float(share) for region, share in zip(POSITIONS, found, strict=True)})
