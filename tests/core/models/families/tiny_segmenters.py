# SPDX-License-Identifier: Apache-2.0

"""Tiny random checkpoints of the families that segment, as in tests/tiny_models.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers as T

from tests.core.models.families.tiny_models import TOWER, clip_tokenizer, ids, save

SEEN = 64  # pixels


def clipseg(folder: Path) -> None:
    """Five layers, of which the decoder reads up to the fourth; positions stretched from 32 to 64 pixels, as published."""
    tokenizer = clip_tokenizer()
    config = T.CLIPSegConfig(
        text_config={**TOWER, **ids(tokenizer)},
        vision_config={**TOWER, "num_hidden_layers": 5, "image_size": 32, "patch_size": 16},
        projection_dim=12,
        reduce_dim=8,
        extract_layers=[0, 1, 3],
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        use_complex_transposed_convolution=True,
    )
    images = T.ViTImageProcessorPil(size={"height": SEEN, "width": SEEN})
    processor = T.CLIPSegProcessor(image_processor=images, tokenizer=tokenizer)
    save(folder, T.CLIPSegForImageSegmentation(config), processor)


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


PUBLISHED_SEGMENTERS: dict[str, Callable[[Path], None]] = {
    "CIDAS/clipseg-rd64-refined": clipseg,
    "facebook/sam-vit-base": sam,
}
