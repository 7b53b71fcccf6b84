# SPDX-License-Identifier: Apache-2.0

"""Train assets/captioner, the small GPT-2 that writes captions and has never seen a picture.

    python -m recipes.captioner CAPTIONS.txt.gz --work CAPTIONER_FOLDER

Any gzipped text will do, one caption a line (here 46,027 of COCO's training part). One line in fifty is held out. The loss
is SimCTG's (Su et al., arXiv 2202.06417), as MaGiC has it: likelihood, plus a contrastive term that keeps the hidden states
of a caption's tokens apart. CAPTIONER_FOLDER takes the checkpoints; run it again to go on after an interruption. About an hour on
two cores.
"""

from __future__ import annotations

import argparse
import gzip
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from core.assets import CAPTIONER_FOLDER
from recipes._training import train

END = "<|endoftext|>"  # begins a caption and ends it, as in GPT-2 and in MaGiC's checkpoints
VOCABULARY, WIDTH, LAYERS, HEADS, LONGEST = 6000, 320, 5, 5, 40
MARGIN = 0.5
HELD_OUT = 50  # one line in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path, help="a gzipped text file, one caption a line")
    parser.add_argument("--work", type=Path, required=True, help="folder for what need not be kept")
    parser.add_argument("--epochs", type=float, default=9)
    args = parser.parse_args()
    training, held_out = read(args.captions)
    tokenizer = tokenizer_of(training)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config(len(tokenizer), tokenizer.eos_token_id))
    rows = [encoded(tokenizer, caption) for caption in training]
    options = {"learning_rate": 1e-3, "per_device_train_batch_size": 64, "num_train_epochs": args.epochs}
    train(model, loss, rows, args.work / "captioner-run", collate, **options)
    model.half().save_pretrained(CAPTIONER_FOLDER)
    tokenizer.save_pretrained(CAPTIONER_FOLDER)
    apart = [encoded(tokenizer, caption) for caption in held_out]
    print(
        "held-out perplexity:", perplexity(model.float(), apart), "of a 3-gram model:", Trigrams(rows).perplexity(apart)
    )


def read(path: Path) -> tuple[list[str], list[str]]:
    """Captions in lower case without a full stop, for training and held out; the split depends on the text alone."""
    with gzip.open(path, "rt") as file:
        captions = list(dict.fromkeys(plain(line) for line in file))
    captions = [caption for caption in captions if caption]
    held_out = [caption for caption in captions if crc32(caption.encode()) % HELD_OUT == 0]
    return [caption for caption in captions if crc32(caption.encode()) % HELD_OUT], held_out


def plain(line: str) -> str:
    return " ".join(line.lower().split()).rstrip(" .")


def tokenizer_of(captions: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END)


def config(vocabulary: int, end: int) -> GPT2Config:
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=64,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )


def encoded(tokenizer: Any, caption: str) -> list[int]:
    end = tokenizer.eos_token_id
    return [end, *tokenizer(caption)["input_ids"][: LONGEST - 2], end]


def collate(rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
    """input_ids [n, length], padded with 0; mask [n, length] of ones where there is a token."""
    length = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [0] * (length - len(row)) for row in rows]),
        "mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
    }


def loss(model: Any, batch: Any) -> torch.Tensor:
    output = model(batch["input_ids"], attention_mask=batch["mask"], output_hidden_states=True)
    return likelihood(output.logits, batch) + contrastive(output.hidden_states[-1], batch["mask"])


def likelihood(logits: torch.Tensor, batch: Any) -> torch.Tensor:
    """Mean cross-entropy of each next token."""
    targets = batch["input_ids"].masked_fill(batch["mask"] == 0, -100)[:, 1:]
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=-100)


def contrastive(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """SimCTG, equation 2: mean over pairs of different tokens of max(0, margin - 1 + cosine)."""
    unit = F.normalize(hidden, dim=-1)
    pairs = mask[:, :, None] * mask[:, None] * (1 - torch.eye(mask.shape[1], device=mask.device))
    hinge = (MARGIN - 1 + unit @ unit.transpose(1, 2)).clamp_min(0) * pairs
    return hinge.sum() / pairs.sum()


@torch.no_grad()
def perplexity(model: Any, rows: Sequence[list[int]]) -> float:
    total, tokens = 0.0, 0
    for start in range(0, len(rows), 64):
        batch = collate(rows[start : start + 64])
        count = int(batch["mask"][:, 1:].sum())
        logits = model(batch["input_ids"], attention_mask=batch["mask"]).logits
        total, tokens = total + float(likelihood(logits, batch)) * count, tokens + count
    return math.exp(total / tokens)


class Trigrams:
    """Interpolated Kneser-Ney over the same tokens (Chen & Goodman, 1998), one discount."""

    DISCOUNT = 0.75

    def __init__(self, rows: Sequence[list[int]]) -> None:
        trigrams = Counter(gram for row in rows for gram in zip([-1, *row], row, row[1:], strict=False))
        bigrams = Counter(gram[1:] for gram in trigrams)  # in how many contexts, not how often
        words = Counter(gram[1:] for gram in bigrams)
        self.orders = [_Order(words), _Order(bigrams), _Order(trigrams)]
        self.vocabulary = 1 + max(max(row) for row in rows)

    def probability(self, gram: tuple[int, ...]) -> float:
        found = 1 / self.vocabulary
        for n, order in enumerate(self.orders, 1):
            found = order.interpolated(gram[-n:], found)
        return found

    def perplexity(self, rows: Sequence[list[int]]) -> float:
        grams = [gram for row in rows for gram in zip([-1, *row], row, row[1:], strict=False)]
        return math.exp(-sum(math.log(self.probability(gram)) for gram in grams) / len(grams))


class _Order:
    def __init__(self, grams: Counter[tuple[int, ...]]) -> None:
        self.grams = grams
        self.total: Counter[tuple[int, ...]] = Counter()
        self.kinds: Counter[tuple[int, ...]] = Counter()
        for gram, count in grams.items():
            self.total[gram[:-1]] += count
            self.kinds[gram[:-1]] += 1

    def interpolated(self, gram: tuple[int, ...], lower: float) -> float:
        before, discount = gram[:-1], Trigrams.DISCOUNT
        if not self.total[before]:
            return lower
        here = max(self.grams[gram] - discount, 0) / self.total[before]
        return here + discount * self.kinds[before] / self.total[before] * lower


if __name__ == "__main__":
    main()
