# SPDX-License-Identifier: Apache-2.0

"""GIT, which answers and captions."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers as T

from tests.core.models.families.tiny._parts import (
    BEAMS,
    DEEP,
    LENGTH,
    SIDE,
    SQUARE,
    VISION,
    bert_tokenizer,
    clip_images,
    save_captioner,
    save_wide,
    told,
    word_tokenizer,
)


def untrained(tokenizer):
    config = T.GitConfig(
        **DEEP,
        vision_config={**DEEP, **VISION},
        vocab_size=len(tokenizer),
        max_position_embeddings=2 * LENGTH,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    return T.GitForCausalLM(config)


def git(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    images = T.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SQUARE)
    save_wide(folder, untrained(tokenizer), T.GitProcessor(image_processor=images, tokenizer=tokenizer))


def git_captions(folder: Path) -> None:
    tokenizer = word_tokenizer()
    processor = T.GitProcessor(image_processor=clip_images(), tokenizer=tokenizer)
    save_captioner(folder, untrained(tokenizer), processor, width=0.2, sight=0.5, bias=0.03, seed=1)


def answers(folder, image, question):
    """As in transformers' documentation."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.AutoModelForCausalLM.from_pretrained(folder).eval()
    pixel_values = processor(images=image, return_tensors="pt").pixel_values
    input_ids = processor(text=question, add_special_tokens=False).input_ids
    input_ids = torch.tensor([processor.tokenizer.cls_token_id, *input_ids]).unsqueeze(0)
    sequences = model.generate(pixel_values=pixel_values, input_ids=input_ids, max_new_tokens=10, **BEAMS)
    return told(
        sequences,
        input_ids.shape[1],
        lambda ids: model(input_ids=ids, pixel_values=pixel_values).logits,
        model.config.eos_token_id,
        processor.decode,
    )


def captions(folder, image):
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


CHECKPOINTS = {
    "microsoft/git-base-vqav2": git,
    "microsoft/git-base-coco": git_captions,
    "microsoft/git-large-coco": git_captions,
}
