# SPDX-License-Identifier: Apache-2.0

"""The embedded pair with what a contrastive run added: to each modality's relative representation a linear map of its tower's
own vector. Without the maps it is the embedded pair itself, so training starts from there (as LiT starts from a trained image tower;
Zhai et al., arXiv 2111.07991)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.errors import UserError
from core.models.abilities import DualEncoder, Scale
from core.models.embedded.anchors import Anchors
from core.models.embedded.towers import Towers
from core.models.family import Family, register
from core.models.layers.asif import adapted

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ARCHITECTURE = "TunedPair"
MODALITIES = ("image", "text")


class TunedPair(DualEncoder):
    """`maps` {modality: [d of its tower, anchors]}; one that was locked has none."""

    def __init__(self, anchors: Anchors, maps: dict[str, Tensor], scale: Scale) -> None:
        self.anchors, self.towers, self.maps, self._scale = anchors, anchors.towers, maps, scale

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedPair:
        from safetensors.torch import load_file

        anchors = Anchors(Towers.load(device))
        maps = load_file(path / "model.safetensors", device=str(device))
        wanted = {"image": anchors.image.T.shape, "text": anchors.text.T.shape}
        if any(name not in wanted or value.shape != wanted[name] for name, value in maps.items()):
            raise UserError(f"The model in {path.name!r} was not made from this embedded pair. Train it again.")
        config = json.loads((path / "config.json").read_text())
        return cls(anchors, maps, Scale(float(config["scale"]), float(config["bias"]), bool(config["sigmoid"])))

    @classmethod
    def program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return self.towers.nbytes + sum(value.numel() * value.element_size() for value in self.maps.values())

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        vectors = self.towers.image_vectors(images)
        return adapted(vectors, self.anchors.image, self.maps.get("image")).cpu()

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return adapted(self.anchors.centred(texts), self.anchors.text, self.maps.get("text")).cpu()

    def scale(self) -> Scale:
        return self._scale


PROGRAM = """\
from pathlib import Path

from core.models.trained.pair import TunedPair  # EfficientNet-Lite0 and MiniLM, joined by ASIF, and what a run added

model = TunedPair.load(Path("{model_id}"), torch.device("cpu"), torch.float32)
with torch.inference_mode():
    image_embeds, text_embeds = model.embed_images(images), model.embed_texts(texts)
scale, bias, *_ = model.scale()
"""

register(Family(name="tuned-pair", adapter=TunedPair, architectures=(ARCHITECTURE,), specs=()))
