"""The embedded segmenter with a decoder that was trained further on pictures of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import ImagePrompted
from core.models.family import Family, register

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedMasks(ImagePrompted):
    """`pair` is an embedded pair whose decoder is the tuned one."""

    def __init__(self, pair: Any) -> None:
        self.pair = pair

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedMasks:
        from core.assets import EMBEDDED_FOLDER
        from core.models.embedded.pair import EmbeddedPair
        from core.models.layers.mask_decoder import shipped

        pair = EmbeddedPair.load(EMBEDDED_FOLDER, device, dtype)
        pair.decoder = shipped(path).to(device)
        return cls(pair)

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        from core.models.embedded.pair import EmbeddedPair

        return EmbeddedPair.segment_program(model_id).replace('"assets/segmentation"', repr(model_id))

    @property
    def nbytes(self) -> int:
        return int(self.pair.nbytes)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.pair.encode_image(image)
        return found

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.pair.segment(encoding, prompts)
        return found

    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.pair.segment_like(encoding, examples)
        return found


register(Family(name="tuned-masks", adapter=TunedMasks, architectures=("MapDecoder",), specs=()))
