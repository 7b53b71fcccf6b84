# SPDX-License-Identifier: Apache-2.0

"""Segmentation by the embedded model: maps of how much each place resembles a phrase, sharpened by a small decoder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.embedded.anchors import Anchors
from core.models.embedded.towers import Towers
from core.models.layers.dense_features import CHANNELS, encode, phrase_maps

if TYPE_CHECKING:
    from torch import Tensor

STEPS = {"similarity of each place": 3, "spread to places that look alike": 5}  # index into dense_features.MAPS
Encoding = Mapping[str, "Tensor"]  # of one picture, as dense_features gives it


class MapSegmenter:
    """Phrases and example pictures alike are given as relative representations [n, anchors]. Without a `decoder` it is the
    one that comes with the lab, read when first needed."""

    def __init__(self, towers: Towers, anchors: Anchors, decoder: Any = None) -> None:
        self.towers, self.anchors = towers, anchors
        if decoder is not None:
            self.decoder = decoder.to(towers.device)

    @cached_property
    def decoder(self) -> Any:
        from core.models.layers.mask_decoder import load_mask_decoder

        return load_mask_decoder().to(self.towers.device)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """See `dense_features`; on the CPU."""
        encoding = encode(self.towers.vision.efficientnet_lite, self.anchors.image, image)
        return {name: value.cpu() for name, value in encoding.items()}

    def segment(self, encoding: Encoding, phrases: Tensor) -> dict[str, Tensor]:
        """As `abilities.Segmenter.segment`, on the CPU."""
        maps = self.maps(encoding, phrases)
        outputs = self._decode(encoding, maps)
        steps = {name: maps[:, channel] for name, channel in STEPS.items()}
        steps["decoded at stride 16"] = outputs["stride 16"].sigmoid()
        return {name: value.cpu() for name, value in ({"logits": outputs["logits"]} | steps).items()}

    def maps(self, encoding: Encoding, phrases: Tensor) -> Tensor:
        """[n, len(MAPS), h, w] on the towers' device: what the decoder reads of each phrase."""
        here = {name: value.to(self.towers.device) for name, value in encoding.items()}
        return phrase_maps(here, phrases.to(self.towers.device), self.anchors.mean_anchor)

    def probabilities(self, encoding: Encoding, maps: Tensor) -> Tensor:
        """[n, 2h, 2w] in 0..1, of the maps [n, len(MAPS), h, w] of n phrases."""
        found: Tensor = self._decode(encoding, maps)["logits"].sigmoid()
        return found

    def _decode(self, encoding: Encoding, maps: Tensor) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = self.decoder(
            {name: encoding[name][None].to(maps.device) for name in CHANNELS}, maps
        )
        return outputs


SEGMENT_PROGRAM = """\
from core.models.layers.mask_decoder import MapDecoder  # the head that this project trained, a transformers model
from core.models.layers.dense_features import CHANNELS, encode, phrase_maps
from core.models.embedded.questions import bare
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair

pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
decoder = MapDecoder.from_pretrained("assets/segmentation", dtype=torch.float32).eval()
with torch.inference_mode():
    encoding = encode(pair.towers.vision.efficientnet_lite, pair.anchors.image, image)
    phrases = pair.embed_texts([f"a photo of a {bare(prompt)}" for prompt in prompts])
    maps = phrase_maps(encoding, phrases, pair.anchors.mean_anchor)
    logits = decoder({name: encoding[name][None] for name in CHANNELS}, maps)["logits"]
    present = (pair.presence_in(encoding, prompts) >= pair.absent_below().phrase).tolist()  # else nothing is painted
"""
