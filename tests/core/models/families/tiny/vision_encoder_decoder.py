# SPDX-License-Identifier: Apache-2.0

"""A vision tower joined to GPT-2."""

from __future__ import annotations

import json
from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import (
    BEAMS,
    DEEP,
    LENGTH,
    SIDE,
    VISION,
    WORDS,
    numbered,
    save_captioner,
    told,
)


def vit_gpt2(folder: Path) -> None:
    """Its one special token begins, ends and pads; its processor of pictures is of the old kind, as published; and its
    decoder is wider than its vision tower."""
    words = ["<|endoftext|>", *(f"Ġ{word}" for word in WORDS)]
    text = T.GPT2Config(
        n_embd=24, n_layer=2, n_head=2, vocab_size=len(words), n_positions=LENGTH, bos_token_id=0, eos_token_id=0
    )
    config = T.VisionEncoderDecoderConfig.from_encoder_decoder_configs(T.ViTConfig(**DEEP, **VISION), text)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 0
    tokenizer = T.GPT2Tokenizer(vocab=numbered(words), merges=[])
    save_captioner(folder, T.VisionEncoderDecoderModel(config), tokenizer, width=0.3, sight=0.8, bias=0.2)
    old = {
        "feature_extractor_type": "ViTFeatureExtractor",
        "size": SIDE,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(old))


def captions(folder, image):
    """As on its card, with pictures in RGB."""
    processor = T.ViTImageProcessorPil.from_pretrained(folder)
    tokenizer = T.AutoTokenizer.from_pretrained(folder)
    model = T.VisionEncoderDecoderModel.from_pretrained(folder).eval()
    pixel_values = processor(images=[image.convert("RGB")], return_tensors="pt").pixel_values
    sequences = model.generate(pixel_values, max_new_tokens=30, **BEAMS)
    return told(
        sequences,
        1,
        lambda ids: model(pixel_values=pixel_values, decoder_input_ids=ids).logits,
        model.config.eos_token_id,
        tokenizer.decode,
    )


CHECKPOINTS = {
    "nlpconnect/vit-gpt2-image-captioning": vit_gpt2,
}
