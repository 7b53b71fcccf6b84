# SPDX-License-Identifier: Apache-2.0

"""A matcher over the embedded towers, trained by a run: given a picture and a text together, it says whether they match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import Matcher
from core.models.embedded.anchors import Anchors
from core.models.embedded.towers import Towers
from core.models.family import Family, register
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedMatcher(Matcher):
    """`model` is an ImageTextMatcher over the towers of `anchors`. float32 on every device."""

    def __init__(self, anchors: Anchors, model: Any) -> None:
        self.anchors, self.towers, self.model = anchors, anchors.towers, model

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedMatcher:
        import torch

        from core.models.layers.image_text_matcher import ImageTextMatcher

        model = from_folder(ImageTextMatcher, path, torch.float32).eval()
        return cls(Anchors(Towers.load(device)), model.to(device))

    @property
    def nbytes(self) -> int:
        return self.towers.nbytes + weight_bytes(self.model)

    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        import torch

        from core.models.layers.image_text_matcher import image_patches, with_similarity

        images = {id(image): image for image, _ in pairs}  # one picture beside many texts is encoded once
        order, device = list(images), self.model.device
        own = [order.index(id(image)) for image, _ in pairs]
        tower, pictures = self.towers.vision.efficientnet_lite, list(images.values())
        encoded = [image_patches(tower, self.anchors.image, image) for image in pictures]
        texts = [text for _, text in pairs]
        vectors = self.anchors.embed_texts(texts).to(device)
        patches, places = (torch.cat(part)[own] for part in zip(*encoded, strict=True))
        patches, peak = with_similarity(patches, places, vectors)
        whole = (self.anchors.embed_images(pictures)[own].to(device) * vectors).sum(1)
        words, mask, _ = self.towers.token_vectors(texts)
        _, logits = self.model.fuse(words, mask, patches, (whole + peak) / 2)
        return logits.sigmoid().float().cpu()  # type: ignore[no-any-return]


register(
    Family(name="tuned-matcher", adapter=TunedMatcher, architectures=("ImageTextMatcher", "GridMatcher"), specs=())
)
