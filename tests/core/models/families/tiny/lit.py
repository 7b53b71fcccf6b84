# SPDX-License-Identifier: Apache-2.0

"""LiT: a frozen vision tower and a text tower."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    LENGTH,
    TOWER,
    VISION,
    bert_tokenizer,
    clip_images,
    contrastive_logits,
    save,
)


def vision_text(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = T.BertConfig(**TOWER, vocab_size=len(tokenizer), max_position_embeddings=LENGTH)
    vision = T.CLIPVisionConfig(**TOWER, **VISION)
    config = T.VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=12)
    processor = T.VisionTextDualEncoderProcessor(image_processor=clip_images(), tokenizer=tokenizer)
    save(folder, T.VisionTextDualEncoderModel(config), processor)


def logits(folder, images, texts):
    return contrastive_logits(folder, images, texts)


CHECKPOINTS = {
    "Bingsu/vitB32_bert_ko_small_clip": vision_text,
}
