"""What the embedded model adds to its two towers for segmentation: maps of a phrase, sharpened by a small decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import AnchoredEncoder, ImagePrompted
from core.models.embedded.questions import bare
from core.models.layers.dense_features import CHANNELS, look, phrase_maps

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = {"similarity of each place": 3, "spread to places that look alike": 5}  # index into _dense.MAPS


class EmbeddedMasks(AnchoredEncoder, ImagePrompted):
    """For an AnchoredEncoder with `vision`, `image_anchors` [anchors, d] and `anything` [anchors]."""

    vision: Any
    image_anchors: Tensor
    anything: Tensor

    @cached_property
    def decoder(self) -> Any:
        from core.models.layers.mask_decoder import shipped

        return shipped().to(self.image_anchors.device)

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        return PROGRAM

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        seen = look(self.vision.efficientnet_lite, self.image_anchors, image)
        return {name: value.cpu() for name, value in seen.items()}

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        return self._decode(encoding, self._phrases(prompts))

    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        return self._decode(encoding, self.embed_images(examples))

    def prompt_maps(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> Tensor:
        """[n, len(MAPS), h, w] on the CPU: what the decoder reads of each prompt."""
        return self._maps(encoding, self._phrases(prompts)).cpu()

    def _phrases(self, prompts: Sequence[str]) -> Tensor:
        return self.embed_texts([f"a photo of a {bare(prompt)}" for prompt in prompts])

    def _maps(self, encoding: Mapping[str, Tensor], phrases: Tensor) -> Tensor:
        device = self.image_anchors.device
        encoding = {name: value.to(device) for name, value in encoding.items()}
        return phrase_maps(encoding, phrases.to(device), self.anything)

    def _decode(self, encoding: Mapping[str, Tensor], phrases: Tensor) -> dict[str, Tensor]:
        maps = self._maps(encoding, phrases)
        outputs = self.decoder({name: encoding[name][None].to(maps.device) for name in CHANNELS}, maps)
        steps = {name: maps[:, channel] for name, channel in SHOWN.items()}
        steps["decoded at stride 16"] = outputs["stride 16"].sigmoid()
        return {name: value.cpu() for name, value in ({"logits": outputs["logits"]} | steps).items()}


PROGRAM = """\
from core.models.layers.mask_decoder import MapDecoder  # the head that this project trained, a transformers model
from core.models.layers.dense_features import CHANNELS, look, phrase_maps
from core.models.embedded.questions import bare
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
decoder = MapDecoder.from_pretrained("assets/segmentation", dtype=torch.float32).eval()
with torch.inference_mode():
    encoding = look(pair.vision.efficientnet_lite, pair.image_anchors, image)
    phrases = pair.embed_texts([f"a photo of a {bare(prompt)}" for prompt in prompts])
    maps = phrase_maps(encoding, phrases, pair.anything)
    logits = decoder({name: encoding[name][None] for name in CHANNELS}, maps)["logits"]
"""
