# SPDX-License-Identifier: Apache-2.0

"""The embedded fusion transformer, trained further on questions of one's own. It answers every question by itself: the kinds of
question of the embedded model do not cover what it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.models.abilities import AttentiveAnswerer, Attribution
from core.models.embedded.anchors import Anchors
from core.models.embedded.fusion import FusionAnswerer
from core.models.embedded.segmenter import MapSegmenter
from core.models.embedded.towers import Towers
from core.models.family import Family, register
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedAnswers(AttentiveAnswerer):
    """`fusion` reads what `segmenter` encodes of a picture. float32 on every device."""

    def __init__(self, segmenter: MapSegmenter, fusion: FusionAnswerer) -> None:
        self.segmenter, self.fusion = segmenter, fusion

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedAnswers:
        from core.models.layers.fusion_transformer import load_fusion_transformer

        towers = Towers.load(device)
        segmenter = MapSegmenter(towers, Anchors(towers))
        return cls(segmenter, FusionAnswerer(segmenter, load_fusion_transformer(path)))

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return self.segmenter.towers.nbytes + weight_bytes(self.fusion.transformer)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        return self.segmenter.encode_image(image)

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        return [self.fusion.top(self.fusion.logits(encoding, question)) for question in questions]

    def attribution(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Attribution:
        return self.fusion.attribution(encoding, question, shuffled)


PROGRAM = """\
from pathlib import Path

from core.models.trained.answers import TunedAnswers  # the embedded towers and a fusion transformer trained further

model = TunedAnswers.load(Path("{model_id}"), torch.device("cpu"), torch.float32)
with torch.inference_mode():
    answers = model.answer(model.encode_image(image), [question])[0]
"""

register(
    Family(name="tuned-answers", adapter=TunedAnswers, architectures=("FusionTransformer", "GridReader"), specs=())
)
