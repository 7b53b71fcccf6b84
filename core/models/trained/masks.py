# SPDX-License-Identifier: Apache-2.0

"""The embedded segmenter with a decoder that was trained further on pictures of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.models.abilities import ImagePrompted
from core.models.embedded.anchors import Anchors
from core.models.embedded.segmenter import SEGMENT_PROGRAM, MapSegmenter
from core.models.embedded.towers import Towers
from core.models.family import Family, register
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedMasks(ImagePrompted):
    """`segmenter` with its own decoder in place of the one that comes with the lab. float32 on every device."""

    def __init__(self, segmenter: MapSegmenter) -> None:
        self.segmenter, self.anchors = segmenter, segmenter.anchors

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedMasks:
        from core.models.layers.mask_decoder import load_mask_decoder

        towers = Towers.load(device)
        return cls(MapSegmenter(towers, Anchors(towers), load_mask_decoder(path)))

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        return SEGMENT_PROGRAM.replace('"assets/segmentation"', repr(model_id))

    @property
    def nbytes(self) -> int:
        return self.segmenter.towers.nbytes + weight_bytes(self.segmenter.decoder)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        return self.segmenter.encode_image(image)

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        return self.segmenter.segment(encoding, self.anchors.phrase_vectors(prompts))

    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        return self.segmenter.segment(encoding, self.anchors.embed_images(examples))


register(Family(name="tuned-masks", adapter=TunedMasks, architectures=("MapDecoder",), specs=()))
