"""The embedded fusion transformer, trained further on questions of one's own. It answers every question by itself: the rules that
help the shipped one know nothing of what it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import AttentiveAnswerer, Relevance
from core.models.family import Family, register

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedAnswers(AttentiveAnswerer):
    """`pair` is an embedded pair whose reader is the tuned one."""

    def __init__(self, pair: Any) -> None:
        self.pair = pair

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedAnswers:
        from core.assets import EMBEDDED_FOLDER
        from core.models.embedded.pair import EmbeddedPair
        from core.models.layers.fusion_transformer import shipped

        pair = EmbeddedPair.load(EMBEDDED_FOLDER, device, dtype)
        pair.reader = shipped(path).to(device)
        return cls(pair)

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return int(self.pair.nbytes)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.pair.encode_image(image)
        return found

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        return [self.pair.read_alone(encoding, question) for question in questions]

    def relevance(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Relevance:
        encoding = {name: value.to(self.pair.image_anchors.device) for name, value in encoding.items()}
        found: Relevance = self.pair.reader_relevance(encoding, question, shuffled)
        return found


PROGRAM = """\
from pathlib import Path

from core.models.trained.answers import TunedAnswers  # the embedded towers and a fusion transformer trained further

model = TunedAnswers.load(Path("{model_id}"), torch.device("cpu"), torch.float32)
with torch.inference_mode():
    answers = model.answer(model.encode_image(image), [question])[0]
"""

register(Family(name="tuned-answers", adapter=TunedAnswers, architectures=("GridReader",), specs=()))
