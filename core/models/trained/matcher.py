"""A matcher over the embedded towers, trained by a run: it reads picture and words together and says whether they belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import Matcher
from core.models.family import Family, register
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TunedMatcher(Matcher):
    def __init__(self, pair: Any, model: Any) -> None:
        self.pair, self.model = pair, model

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedMatcher:
        import torch

        from core.assets import EMBEDDED_FOLDER
        from core.models.embedded.pair import EmbeddedPair
        from core.models.layers.image_text_matcher import GridMatcher

        model = from_folder(GridMatcher, path, torch.float32).eval()
        return cls(EmbeddedPair.load(EMBEDDED_FOLDER, device, dtype), model.to(device))

    @property
    def nbytes(self) -> int:
        return int(self.pair.nbytes) + weight_bytes(self.model)

    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        import torch

        from core.models.layers.image_text_matcher import grid, grounded

        images = {id(image): image for image, _ in pairs}  # one picture beside many texts is looked at once
        order, device = list(images), self.model.device
        own = [order.index(id(image)) for image, _ in pairs]
        tower, pictures = self.pair.vision.efficientnet_lite, list(images.values())
        seen = [grid(tower, self.pair.image_anchors, image) for image in pictures]
        texts = [text for _, text in pairs]
        vectors = self.pair.embed_texts(texts).to(device)
        patches, places = (torch.cat(part)[own] for part in zip(*seen, strict=True))
        patches, peak = grounded(patches, places, vectors)
        whole = (self.pair.embed_images(pictures)[own].to(device) * vectors).sum(1)
        words, mask, _ = self.pair.read_words(texts)
        _, logits = self.model.read(words, mask, patches, (whole + peak) / 2)
        return logits.sigmoid().float().cpu()  # type: ignore[no-any-return]


register(Family(name="tuned-matcher", adapter=TunedMatcher, architectures=("GridMatcher",), specs=()))
