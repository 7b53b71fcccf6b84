# SPDX-License-Identifier: Apache-2.0

"""Tiny random checkpoints of the families that caption, as in tests/tiny_models.py, and their own captions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as T

from tests.core.models.families.tiny_answerers import BEAMS, DEEP, told
from tests.core.models.families.tiny_models import EYE, LENGTH, SIDE, SQUARE, WORDS, clip_images, numbered

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@torch.no_grad()
def save(folder: Path, model: Any, *others: Any, width: float, sight: float, bias: float, seed: int = 0) -> None:
    """With places drawn so wide that it does not repeat itself; `sight` is the width of what reads the picture. The
    numbers were tried until captions had several words, ended by themselves and differed from picture to picture."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if any(part in name.lower() for part in ("norm", "ln_")) and name.endswith("weight"):  # it has to stay near one
            weight.normal_(1.0, 0.1, generator=generator)
        elif "crossattention" in name or "visual_projection" in name:
            weight.normal_(0.0, sight, generator=generator)
        elif "position_embeddings" in name or "wpe" in name:
            weight.normal_(0.0, 2.0, generator=generator)
        else:
            weight.normal_(0.0, bias if name.endswith("bias") else width, generator=generator)
    model.eval().save_pretrained(folder)
    for other in others:
        other.save_pretrained(folder)


def word_tokenizer() -> Any:
    """BERT's, of whole words only, so that they are what is written."""
    return T.BertTokenizer(vocab=numbered([*SPECIAL, *WORDS]), do_lower_case=True, model_max_length=LENGTH)


def blip_captions(folder: Path) -> None:
    tokenizer = word_tokenizer()
    text = {**DEEP, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**DEEP, **EYE},
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save(folder, T.BlipForConditionalGeneration(config), processor, width=0.2, sight=0.15, bias=0.03, seed=5)


def git_captions(folder: Path) -> None:
    tokenizer = word_tokenizer()
    config = T.GitConfig(
        **DEEP,
        vision_config={**DEEP, **EYE},
        vocab_size=len(tokenizer),
        max_position_embeddings=2 * LENGTH,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    processor = T.GitProcessor(image_processor=clip_images(), tokenizer=tokenizer)
    save(folder, T.GitForCausalLM(config), processor, width=0.2, sight=0.5, bias=0.03, seed=1)


def vit_gpt2(folder: Path) -> None:
    """Its one special token begins, ends and pads; its processor of pictures is of the old kind, as published; and its
    decoder is wider than its vision tower."""
    words = ["<|endoftext|>", *(f"Ġ{word}" for word in WORDS)]
    text = T.GPT2Config(
        n_embd=24, n_layer=2, n_head=2, vocab_size=len(words), n_positions=LENGTH, bos_token_id=0, eos_token_id=0
    )
    config = T.VisionEncoderDecoderConfig.from_encoder_decoder_configs(T.ViTConfig(**DEEP, **EYE), text)
    config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = 0
    tokenizer = T.GPT2Tokenizer(vocab=numbered(words), merges=[])
    save(folder, T.VisionEncoderDecoderModel(config), tokenizer, width=0.3, sight=0.8, bias=0.2)
    old = {
        "feature_extractor_type": "ViTFeatureExtractor",
        "size": SIDE,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(old))


PUBLISHED_CAPTIONERS: dict[str, Callable[[Path], None]] = {
    "Salesforce/blip-image-captioning-base": blip_captions,
    "Salesforce/blip-image-captioning-large": blip_captions,
    "microsoft/git-base-coco": git_captions,
    "microsoft/git-large-coco": git_captions,
    "nlpconnect/vit-gpt2-image-captioning": vit_gpt2,
}


# ---- what plain transformers writes: {text: confidence}


def blip_caption(folder, image):
    """As on its card, without a prompt."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.BlipForConditionalGeneration.from_pretrained(folder).eval()
    inputs = processor(image, return_tensors="pt")
    sequences = model.generate(**inputs, max_new_tokens=30, **BEAMS)
    return told(
        sequences,
        1,
        lambda ids: model(inputs.pixel_values, input_ids=ids).logits,
        model.config.text_config.sep_token_id,
        processor.decode,
    )


def git_caption(folder, image):
    """As in transformers' documentation."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.AutoModelForCausalLM.from_pretrained(folder).eval()
    pixel_values = processor(images=image, return_tensors="pt").pixel_values
    sequences = model.generate(pixel_values=pixel_values, max_new_tokens=30, **BEAMS)
    return told(
        sequences,
        1,
        lambda ids: model(input_ids=ids, pixel_values=pixel_values).logits,
        model.config.eos_token_id,
        processor.decode,
    )


def vit_gpt2_caption(folder, image):
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


OFFICIAL = {
    "BlipForConditionalGeneration": blip_caption,
    "GitForCausalLM": git_caption,
    "VisionEncoderDecoderModel": vit_gpt2_caption,
}
