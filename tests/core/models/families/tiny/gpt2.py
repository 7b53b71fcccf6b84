# SPDX-License-Identifier: Apache-2.0

"""GPT-2."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers as T

from tests.core.models.families.tiny._parts import BYTES, SPACE, numbered, spelled

SEED = 1  # tried until MAGIC's captions of different pictures differed


def gpt2(folder: Path) -> None:
    words, merges = spelled(BYTES, before=SPACE)
    words.append("<|endoftext|>")
    end = len(words) - 1
    config = T.GPT2Config(
        vocab_size=len(words),
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=end,
        eos_token_id=end,
        initializer_range=0.3,  # so that its choices differ
    )
    torch.manual_seed(SEED)
    T.GPT2LMHeadModel(config).save_pretrained(folder)
    T.GPT2Tokenizer(vocab=numbered(words), merges=merges).save_pretrained(folder)


CHECKPOINTS = {
    "cambridgeltl/magic_mscoco": gpt2,
    "cambridgeltl/magic_flickr30k": gpt2,
}
