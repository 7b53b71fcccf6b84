# SPDX-License-Identifier: Apache-2.0

"""Question answering by the embedded model: each kind of question by its own class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.models.abilities import Attribution
from core.models.embedded.answers.kind import Parts, all_kinds, parse
from core.models.embedded.fusion import FusionAnswerer
from core.models.embedded.presence import Presence, Weights
from core.models.embedded.segmenter import Encoding, MapSegmenter
from core.models.embedded.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor


class QuestionAnswerer:
    """`weights` are those of `Presence`."""

    def __init__(self, segmenter: MapSegmenter, weights: Weights | None) -> None:
        vocabulary = Vocabulary(segmenter.anchors)
        self.device = segmenter.towers.device
        self.fusion = FusionAnswerer(segmenter)
        self.parts = Parts(segmenter, vocabulary, Presence(vocabulary, weights), self.fusion)
        self.kinds = {kind.name: kind(self.parts) for kind in all_kinds()}

    def answer(self, encoding: Encoding, questions: Sequence[str]) -> list[dict[str, float]]:
        """As `abilities.Answerer.answer`."""
        here, parsed = self._here(encoding), [parse(question) for question in questions]
        return [self.kinds[question.kind].answer(here, question) for question in parsed]

    def attribution(self, encoding: Encoding, question: str, shuffled: bool = False) -> Attribution:
        """As `abilities.AttentiveAnswerer.attribution`."""
        parsed = parse(question)
        return self.kinds[parsed.kind].attribution(self._here(encoding), parsed, shuffled)

    def _here(self, encoding: Encoding) -> dict[str, Tensor]:
        return {name: value.to(self.device) for name, value in encoding.items()}


ANSWER_PROGRAM = """\
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # two frozen towers and the heads that this project trained

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    encoding = pair.encode_image(image)
    answers = pair.answer(encoding, [question])[0]
"""
