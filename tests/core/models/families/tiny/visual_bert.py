# SPDX-License-Identifier: Apache-2.0

"""VisualBERT."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers as T

from core.models.layers.towers import text_folder
from tests.core.models.families.tiny._parts import DEEP, LENGTH, five, save_wide, seen_cells


def visual_bert(folder: Path) -> None:
    """Without a tokenizer and without words for its answers, as published; so it needs BERT's 30,522 words."""
    config = T.VisualBertConfig(
        **DEEP,
        vocab_size=30522,
        max_position_embeddings=LENGTH,
        visual_embedding_dim=2048,
        num_labels=7,
        pad_token_id=0,
    )
    save_wide(folder, T.VisualBertForQuestionAnswering(config))


def answers(folder, image, question):
    model = T.VisualBertForQuestionAnswering.from_pretrained(folder).eval()
    inputs = T.BertTokenizer.from_pretrained(text_folder())(question, return_tensors="pt")
    regions, _ = seen_cells(image)
    marks = {
        "visual_token_type_ids": torch.ones(1, regions.shape[1], dtype=torch.long),
        "visual_attention_mask": torch.ones(1, regions.shape[1]),
    }
    return five(model(**inputs, visual_embeds=regions, **marks).logits[0], [f"LABEL_{n}" for n in range(7)])


CHECKPOINTS = {
    "uclanlp/visualbert-vqa": visual_bert,
}
