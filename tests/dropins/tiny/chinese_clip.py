# SPDX-License-Identifier: Apache-2.0

"""Chinese CLIP."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    LENGTH,
    SIDE,
    SQUARE,
    TOWER,
    VISION,
    bert_tokenizer,
    contrastive_logits,
    save,
)


def chinese_clip(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    config = T.ChineseCLIPConfig(
        text_config={**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": LENGTH},
        vision_config={**TOWER, **VISION},
        projection_dim=12,
    )
    images = T.ChineseCLIPImageProcessorPil(size={"height": SIDE, "width": SIDE}, crop_size=SQUARE)
    save(folder, T.ChineseCLIPModel(config), T.ChineseCLIPProcessor(image_processor=images, tokenizer=tokenizer))


def logits(folder, images, texts):
    return contrastive_logits(folder, images, texts)


CHECKPOINTS = {"OFA-Sys/chinese-clip-vit-base-patch16": chinese_clip}
