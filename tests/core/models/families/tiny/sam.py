# SPDX-License-Identifier: Apache-2.0

"""SAM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers as T

from tests.core.models.families.tiny._parts import TOWER, save

SEEN = 64  # pixels


def sam(folder: Path) -> None:
    side: dict[str, Any] = {"image_size": SEEN, "patch_size": 8}
    config = T.SamConfig(
        vision_config={
            **TOWER,
            **side,
            "num_hidden_layers": 2,
            "output_channels": 16,
            "num_pos_feats": 8,
            "mlp_dim": 32,
            "window_size": 4,
            "global_attn_indexes": [1],
        },
        prompt_encoder_config={**side, "hidden_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    images = T.SamImageProcessorPil(
        size={"longest_edge": SEEN},
        pad_size={"height": SEEN, "width": SEEN},
        mask_size={"longest_edge": 32},
        mask_pad_size={"height": 32, "width": 32},
    )
    save(folder, T.SamModel(config), T.SamProcessor(image_processor=images))


CHECKPOINTS = {
    "facebook/sam-vit-base": sam,
}
