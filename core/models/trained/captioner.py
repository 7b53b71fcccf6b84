# SPDX-License-Identifier: Apache-2.0

"""Captioners that a run of the lab made: a network over the embedded vision tower's grid, whose frozen parts come with the app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import AttentiveCaptioner, Attribution
from core.models.family import Family, register
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BEAM_COUNT = 5


class TunedCaptioner(AttentiveCaptioner):
    """float32 on every device, as the embedded pair. Confidences are the beams' probabilities, scaled to add up to one."""

    def __init__(self, network: Any, tower: Any, tokenizer: Any) -> None:
        self.network, self.vision_tower, self.tokenizer = network, tower, tokenizer

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TunedCaptioner:
        from core.models.layers.cross_attention import GatedCrossAttention, PrefixLM
        from core.models.layers.frozen_prefix import FrozenPrefix
        from core.models.layers.grid_captioner import caption_tokenizer, load_network
        from core.models.layers.towers import vision_tower

        network = load_network((FrozenPrefix, GatedCrossAttention, PrefixLM), path).to(device)
        return cls(network, vision_tower().efficientnet_lite.to(device).eval(), caption_tokenizer())

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.network, self.vision_tower)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`grid` [81, 1280]: the tower's features at 9 x 9 places, row by row."""
        from core.models.layers.grid_captioner import grid_features

        return {"grid": grid_features(self.vision_tower, image).cpu()}

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        import torch

        from core.models.layers.grid_captioner import beam_search

        [written] = beam_search(self.network, self._grid(encoding), BEAM_COUNT)
        found: dict[str, float] = {}
        for (row, _), share in zip(written, torch.tensor([score for _, score in written]).softmax(0), strict=True):
            text = " ".join(self.tokenizer.decode(row, skip_special_tokens=True).split())
            found[text] = found.get(text, 0.0) + float(share)
        return dict(sorted(found.items(), key=lambda beam: -beam[1]))

    def attention(self, encoding: Mapping[str, Tensor], caption: str) -> Attribution:
        """Each network has its own: see `CaptionNetwork.attribution`."""
        import torch

        from core.models.layers.attribution import without_spaces, word_maps
        from core.models.layers.grid_captioner import GRID

        tokens = self.tokenizer(caption, return_offsets_mapping=True)
        offsets = without_spaces(caption, tokens["offset_mapping"])
        grid = self._grid(encoding)
        ids = torch.tensor([[self.tokenizer.eos_token_id, *tokens["input_ids"]]], device=grid.device)
        found = self.network.attribution(grid, ids)[0, :-1]  # of a token, not of what follows it
        return word_maps(found, caption, offsets, (GRID, GRID))

    def _grid(self, encoding: Mapping[str, Tensor]) -> Tensor:
        return encoding["grid"][None].to(next(self.network.parameters()).device)


PROGRAM = """\
from pathlib import Path

from core.models.trained.captioner import TunedCaptioner  # a network over EfficientNet-Lite0, made by a run of the lab

model = TunedCaptioner.load(Path("{model_id}"), torch.device("cpu"), torch.float32)
with torch.inference_mode():
    captions = model.caption(model.encode_image(image))
"""

register(
    Family(
        name="tuned-captioner",
        adapter=TunedCaptioner,
        architectures=("FrozenPrefix", "GatedCrossAttention", "PrefixLM"),
        specs=(),
    )
)
