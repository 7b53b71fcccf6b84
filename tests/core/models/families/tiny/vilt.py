# SPDX-License-Identifier: Apache-2.0

"""ViLT."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import DEEP, LENGTH, PATCH, SIDE, VISION, bert_tokenizer, five, save_wide

ANSWERS = ["yes", "no", "red", "two", "a cat", "on the beach", "horse"]


def vilt(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    config = T.ViltConfig(
        **DEEP,
        **VISION,
        id2label=dict(enumerate(ANSWERS)),
        label2id={name: n for n, name in enumerate(ANSWERS)},
        vocab_size=len(tokenizer),
        max_position_embeddings=LENGTH,
        hidden_act="gelu",
    )
    images = T.ViltImageProcessorPil(size={"shortest_edge": SIDE}, size_divisor=PATCH)
    save_wide(
        folder,
        T.ViltForQuestionAnswering(config),
        T.ViltProcessor(image_processor=images, tokenizer=tokenizer),
        width=0.5,
    )


def answers(folder, image, question):
    return five(vilt_logits(folder, image, question), T.ViltConfig.from_pretrained(folder).id2label)


def vilt_logits(folder, image, question):
    """The program of the model's article."""
    processor = T.AutoProcessor.from_pretrained(folder, backend="pil")
    model = T.ViltForQuestionAnswering.from_pretrained(folder).eval()
    encoding = processor(image, question, return_tensors="pt")
    return model(**encoding).logits[0]


CHECKPOINTS = {
    "dandelin/vilt-b32-finetuned-vqa": vilt,
}
