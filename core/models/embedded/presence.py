# SPDX-License-Identifier: Apache-2.0

"""Whether something is in the picture: its calibrated similarity, and whether captions of such pictures speak of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.models.embedded.mentions import Mentions
from core.models.embedded.questions import bare
from core.models.embedded.segmenter import Encoding
from core.models.embedded.vocabulary import Vocabulary, open_words, siblings
from core.noun_phrases import noun_phrases

if TYPE_CHECKING:
    from torch import Tensor

# The share of (picture, noun) pairs of the demo gallery that are true: of such pairs `Scale.presence` gives the probability.
BASE_RATE = 0.023
NEVER, SELDOM = 3e-3, 3e-4  # added to shares before their logarithm: near captions, and all captions


class Weights(NamedTuple):
    """Of the logistic regression that recipes/calibrate.py fits: log odds for what is there as often as not."""

    similarity: float
    mentioned: float
    often: float
    bias: float


class Presence:
    """Without `weights` everything is as likely there as not."""

    def __init__(self, vocabulary: Vocabulary, weights: Weights | None) -> None:
        self.vocabulary, self.mentions = vocabulary, Mentions()
        self.weights = weights or Weights(0.0, 0.0, 0.0, 0.0)

    def probabilities(self, pictures: Tensor, phrases: Sequence[str]) -> NDArray[np.float64]:
        """[n, m] in 0..1, see `abilities.PresenceEstimator.presence`. Several noun phrases are there if each is: the product."""
        parts = [noun_phrases(phrase) for phrase in phrases]
        each = 1 / (1 + np.exp(-self.all_log_odds(pictures, [part for phrase in parts for part in phrase])))
        starts = np.cumsum([0, *map(len, parts)])[:-1]
        found: NDArray[np.float64] = np.multiply.reduceat(each, starts, axis=1)
        return found

    def all_log_odds(self, pictures: Tensor, phrases: Sequence[str]) -> NDArray[np.float64]:
        """[n, m] of pictures [n, anchors]: log(P(there) / P(not there)) for what is there as often as not."""
        x = features(self.vocabulary, self.mentions, pictures, phrases)
        log_odds: NDArray[np.float64] = x @ np.array(self.weights[:3]) + self.weights.bias
        return log_odds

    def log_odds(self, encoding: Encoding, phrase: str) -> float:
        """The same of one phrase on one picture."""
        return float(self.all_log_odds(encoding["whole"][None], [phrase])[0, 0])

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


def features(
    vocabulary: Vocabulary, mentions: Mentions, pictures: Tensor, phrases: Sequence[str]
) -> NDArray[np.float64]:
    """[n, m, 3], in the order of `Weights`: the cosine, and the logarithms of how often the captions nearest to the picture,
    and all captions, speak of the phrase."""
    wanted = [bare(phrase) for phrase in phrases]
    vectors = vocabulary.anchors.phrase_vectors(wanted)
    cosines = (pictures.to(vectors.device).float() @ vectors.T).cpu().numpy()
    near = np.log(mentions.near(pictures.float().cpu().numpy(), wanted) + NEVER)
    often = np.broadcast_to(np.log(mentions.often(wanted) + SELDOM), cosines.shape)
    return np.stack([cosines, near, often], axis=-1).astype(np.float64)
