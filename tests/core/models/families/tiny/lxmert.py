# SPDX-License-Identifier: Apache-2.0

"""LXMERT."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers as T

from tests.core.models.families.tiny._parts import LENGTH, bert_tokenizer, five, save_wide, seen_cells


def lxmert(folder: Path) -> None:
    """With nothing but a list of words for its tokenizer, and without any for its answers, as published."""
    words = bert_tokenizer().get_vocab()
    config = T.LxmertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LENGTH,
        num_qa_labels=7,
        l_layers=2,
        x_layers=2,
        r_layers=2,
    )
    save_wide(folder, T.LxmertForQuestionAnswering(config), width=0.7)
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)))


def answers(folder, image, question):
    model = T.LxmertForQuestionAnswering.from_pretrained(folder).eval()
    words = (folder / "vocab.txt").read_text().splitlines()
    tokenizer = T.BertTokenizer(vocab={word: n for n, word in enumerate(words)}, do_lower_case=True)
    inputs = tokenizer(question, return_tensors="pt")
    regions, (height, width) = seen_cells(image)
    edges = torch.zeros(height, width, 4)
    edges[..., 0] = torch.arange(width) / width
    edges[..., 1] = torch.arange(height)[:, None] / height
    edges[..., 2:] = edges[..., :2] + torch.tensor([1 / width, 1 / height])
    outputs = model(**inputs, visual_feats=regions, visual_pos=edges.reshape(1, -1, 4))
    return five(outputs.question_answering_score[0], [f"LABEL_{n}" for n in range(7)])


CHECKPOINTS = {
    "unc-nlp/lxmert-vqa-uncased": lxmert,
}
