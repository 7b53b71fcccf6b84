# SPDX-License-Identifier: Apache-2.0

"""Whether something is in the picture, by calibrated similarity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.models.embedded.questions import bare
from core.models.embedded.segmenter import Encoding
from core.models.embedded.vocabulary import Vocabulary, open_words, siblings

if TYPE_CHECKING:
    from torch import Tensor

BASE_RATE = (
    0.023  # the share of (picture, noun) pairs that were true when `presence` was fitted, by recipes/calibrate.py
)


class Presence:
    """`fitted` is (scale, bias) of P(the text is true of the picture) = sigmoid(scale * cosine + bias); see
    `abilities.Scale`."""

    def __init__(self, vocabulary: Vocabulary, fitted: tuple[float, float] | None) -> None:
        self.vocabulary = vocabulary
        self.scale, self.bias = fitted or (0.0, 0.0)

    def log_odds(self, encoding: Encoding, phrase: str) -> float:
        """log(P(there) / P(not there)) for a question to which yes and no are as likely: what the calibration was fitted
        on was there at BASE_RATE."""
        similarity = float(encoding["whole"] @ self.vocabulary.anchors.phrase_vectors([phrase])[0])
        return self.scale * similarity + self.bias - math.log(BASE_RATE / (1 - BASE_RATE))

    def rival_log_odds(self, encoding: Encoding, phrase: str) -> float:
        """By how much another of its category is likelier: a cat looks much like a dog, but more like a cat. 0 for a word
        that is not listed."""
        word = bare(phrase)
        others = siblings(word)
        if not others:
            return 0.0
        counts = {row["word"]: row["count"] for row in open_words()}
        logits: Tensor = self.vocabulary.logits(encoding["whole"], {word: counts[word], **others})
        return float(logits[1:].max() - logits[0])
