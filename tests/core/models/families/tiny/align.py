# SPDX-License-Identifier: Apache-2.0

"""ALIGN."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import SIDE, SQUARE, TOWER, bert_tokenizer, official, save


def align(folder: Path) -> None:
    tokenizer = bert_tokenizer(64)
    vision = {
        "image_size": SIDE,
        "kernel_sizes": [3, 3],
        "in_channels": [32, 8],
        "out_channels": [8, 16],
        "strides": [1, 2],
        "num_block_repeats": [1, 1],
        "expand_ratios": [1, 2],
        "depthwise_padding": [],
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "hidden_dim": 16,  # as wide as the projection
    }
    text = {**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    config = T.AlignConfig(text_config=text, vision_config=vision, projection_dim=16, temperature_init_value=0.1)
    images = T.EfficientNetImageProcessorPil(
        size=SQUARE, crop_size=SQUARE, do_center_crop=False, rescale_offset=False, include_top=False
    )
    save(folder, T.AlignModel(config), T.AlignProcessor(image_processor=images, tokenizer=tokenizer))


def logits(folder, images, texts):
    model, processor = official(folder)
    return model(**processor(text=texts, images=images, return_tensors="pt", truncation=True)).logits_per_image.numpy()


CHECKPOINTS = {
    "kakaobrain/align-base": align,
}
