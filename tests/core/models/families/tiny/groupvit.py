# SPDX-License-Identifier: Apache-2.0

"""GroupViT."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    TOWER,
    VISION,
    clip_images,
    clip_tokenizer,
    contrastive_logits,
    ids,
    save,
)


def groupvit(folder: Path) -> None:
    tokenizer = clip_tokenizer()
    stages = {"depths": [1, 1], "num_group_tokens": [4, 0], "num_output_groups": [4, 4]}
    config = T.GroupViTConfig(
        text_config={**TOWER, **ids(tokenizer)},
        vision_config={**TOWER, **VISION, **stages, "num_hidden_layers": 2},
        projection_dim=12,
        projection_intermediate_dim=16,
    )
    save(folder, T.GroupViTModel(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


def logits(folder, images, texts):
    return contrastive_logits(folder, images, texts)


CHECKPOINTS = {
    "nvidia/groupvit-gcc-yfcc": groupvit,
}
