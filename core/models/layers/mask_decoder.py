# SPDX-License-Identifier: Apache-2.0

"""The embedded segmentation head: a small decoder that sharpens a phrase's similarity maps by several depths of
the frozen vision tower, as CLIPSeg does (Lüddecke & Ecker, arXiv 2112.10003).

It never reads the phrase, only where and how much the picture resembles it: so words that no training
scene held work as well as those that did. Names of submodules are those of saved checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from core.assets import SEGMENTATION_FOLDER
from core.models.layers.dense_features import CHANNELS, MAPS
from core.models.loading import from_folder

SCALE = 4.0  # similarities lie between 0 and about 0.6, the inputs of a network should be around 1


class MapDecoderConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "map_decoder"

    def __init__(self, width: int = 64, blocks: int = 4, **kwargs: Any) -> None:
        self.width = width
        self.blocks = blocks
        super().__init__(**kwargs)


class Context(nn.Module):
    """Residual: a wide depthwise convolution, then two pointwise ones."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.GroupNorm(8, width)
        self.widen = nn.Conv2d(width, 3 * width, 1)
        self.narrow = nn.Conv2d(3 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(nn.functional.gelu(self.widen(self.norm(self.around(x)))))
        return x + y


class MapDecoder(PreTrainedModel):  # type: ignore[misc]
    """Depths of one picture or of n, with maps [n, len(MAPS), h, w] at stride 16, to logits at two strides.

    P(the phrase is here) = sigmoid(logit).
    """

    config_class = MapDecoderConfig
    base_model_prefix = "map_decoder"

    def __init__(self, config: MapDecoderConfig) -> None:
        super().__init__(config)
        width, fine = config.width, config.width // 2
        self.see = nn.ModuleDict({name: nn.Conv2d(CHANNELS[name], fine, 1) for name in CHANNELS})
        self.normalise = nn.ModuleDict({name: nn.GroupNorm(8, fine) for name in CHANNELS})
        self.join = nn.Conv2d(2 * fine + len(MAPS), width, 3, padding=1)
        self.context = nn.Sequential(*(Context(width, dilation=1 + i % 3) for i in range(config.blocks)))
        self.coarse = nn.Conv2d(width, 1, 1)
        self.fine = nn.Conv2d(width + fine + 3, fine, 3, padding=1)
        self.finer = Context(fine, dilation=1)
        self.out = nn.Conv2d(fine, 1, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.out_channels == 1:  # logits: zero at first
                nn.init.zeros_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, depths: Mapping[str, Tensor], maps: Tensor) -> dict[str, Tensor]:
        """depths: `stride N` -> [1 or n, channels, h, w]. Gives `stride 16` and `logits` (stride 8), [n, h, w]."""

        def features(name: str, size: torch.Size) -> Tensor:
            x = self.normalise[name](self.see[name](depths[name]))
            return _resize(x, size).expand(len(maps), -1, -1, -1)

        size = maps.shape[2:]
        x = torch.cat([features("stride 16", size), features("stride 32", size), maps * SCALE], dim=1)
        x = self.context(self.join(x))
        coarse: Tensor = self.coarse(x)
        size = depths["stride 8"].shape[2:]
        hints = torch.cat([coarse, maps[:, 5:7]], dim=1)
        y = self.fine(torch.cat([_resize(x, size), features("stride 8", size), _resize(hints, size)], dim=1))
        logits = self.out(self.finer(nn.functional.gelu(y))) + _resize(coarse, size)
        return {"stride 16": coarse[:, 0], "logits": logits[:, 0]}


def load_mask_decoder(folder: Path = SEGMENTATION_FOLDER) -> MapDecoder:
    """The decoder that comes with the lab, or one trained further, in float32. Raises UserError as `from_folder`."""
    decoder: MapDecoder = from_folder(MapDecoder, folder, torch.float32)
    decoder.eval()
    return decoder


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    if x.shape[2:] == size:
        return x
    return nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
