# SPDX-License-Identifier: Apache-2.0

"""SigLIP and SigLIP 2, which read small letters only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as T
from tokenizers import processors

from tests.core.models.families.tiny._parts import (
    LETTERS,
    SQUARE,
    SYMBOLS,
    TOWER,
    VISION,
    ids,
    numbered,
    official,
    save,
    spelled,
)


def gemma_tokenizer(length: int) -> Any:
    """As in SigLIP 2: keeps case, ends with <eos>, and returns a mask unless told otherwise."""
    words, merges = spelled([*LETTERS, *LETTERS.upper(), *SYMBOLS, "\u2581"], before="\u2581")
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    tokenizer = T.GemmaTokenizer(vocab=numbered(words), merges=merges, model_max_length=length, padding_side="right")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", pair="$A <eos> $B <eos>", special_tokens=[("<eos>", 1)]
    )
    return tokenizer


def siglip(folder: Path) -> None:
    tokenizer = gemma_tokenizer(64)
    config = T.SiglipConfig(text_config={**TOWER, **ids(tokenizer, 64)}, vision_config={**TOWER, **VISION})
    model = T.SiglipModel(config)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        model.logit_bias.fill_(-3.0)
    images = T.SiglipImageProcessorPil(size=SQUARE, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    save(folder, model, T.SiglipProcessor(image_processor=images, tokenizer=tokenizer))


def logits(folder, images, texts):
    model, processor = official(folder)
    options = {"padding": "max_length", "max_length": 64, "truncation": True}
    inputs = processor(text=[text.lower() for text in texts], images=images, return_tensors="pt", **options)
    return model(input_ids=inputs.input_ids, pixel_values=inputs.pixel_values).logits_per_image.numpy()


CHECKPOINTS = {
    "google/siglip-base-patch16-224": siglip,
    "google/siglip2-base-patch16-224": siglip,
}
