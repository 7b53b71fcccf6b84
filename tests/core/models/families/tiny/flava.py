# SPDX-License-Identifier: Apache-2.0

"""FLAVA."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import LENGTH, SQUARE, TOWER, VISION, bert_tokenizer, official, save


def flava(folder: Path) -> None:
    """Saved as FlavaForPreTraining, which alone computes contrastive logits; the lab loads its FlavaModel."""
    tokenizer = bert_tokenizer()
    config = T.FlavaConfig(
        image_config={**TOWER, **VISION, "vocab_size": 32},
        text_config={**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": LENGTH},
        multimodal_config=dict(TOWER),
        image_codebook_config={"num_groups": 4, "num_blocks_per_group": 1, "hidden_size": 8, "vocab_size": 32},
        init_codebook=False,
        hidden_size=16,
        projection_dim=12,
    )
    images = T.FlavaImageProcessorPil(size=SQUARE, crop_size=SQUARE)
    save(folder, T.FlavaForPreTraining(config), T.FlavaProcessor(image_processor=images, tokenizer=tokenizer))


def logits(folder, images, texts):
    """The model stacks both, so the shorter list is repeated."""
    model, processor = official(folder)
    wanted = range(max(len(images), len(texts)))
    inputs = processor(
        text=[texts[n % len(texts)] for n in wanted],
        images=[images[n % len(images)] for n in wanted],
        return_tensors="pt",
        padding=True,
        truncation=True,
    )
    outputs = model(**inputs, return_loss=False, skip_unmasked_multimodal_encoder=True)
    return outputs.contrastive_logits_per_image[: len(images), : len(texts)].numpy()


CHECKPOINTS = {
    "facebook/flava-full": flava,
}
