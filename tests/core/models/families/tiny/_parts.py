# SPDX-License-Identifier: Apache-2.0

"""What tiny random checkpoints are made of: small sizes, real tokenizers, and weights drawn so that inputs are told apart.

They have the classes and the layout of the published ones at a few kilobytes, so the tests run the lab's
own loading code on them, offline.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers as T
from tokenizers import pre_tokenizers

from core.models.layers.towers import views, vision_tower

SENTENCES = [
    "a photo of a cat",
    "a photo of a dog",
    "two cats sleeping on a couch",
    "a red car parked in the street",
    "a man riding a horse on the beach",
    "the quick brown fox jumps over the lazy dog",
]
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYMBOLS = "0123456789.,'!?-"
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPACE = "\u0120"  # as byte-level BPE writes it
SIDE, PATCH, LENGTH = 32, 8, 32
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION = {"image_size": SIDE, "patch_size": PATCH}
SQUARE = {"height": SIDE, "width": SIDE}
DEEP = {**TOWER, "num_hidden_layers": 3}
BEAMS = {"num_beams": 5, "num_return_sequences": 5, "length_penalty": 0.0, "do_sample": False, "min_new_tokens": 1}


# ---- tokenizers


def spelled(alphabet: list[str], before: str = "", after: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """(tokens in order of their id, merges) of a BPE that puts WORDS together from the left. It is not trained: a trainer
    breaks ties as it happens, and each run of the tests would get other numbers."""
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        letters = [*before, *word[:-1], word[-1] + after]
        for end in range(1, len(letters)):
            merges["".join(letters[:end]), letters[end]] = None
    return list(dict.fromkeys([*alphabet, *map("".join, merges)])), list(merges)


def numbered(words: list[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(words)}


def clip_tokenizer() -> Any:
    """The special tokens last, as published: the text tower looks for the highest id."""
    words, merges = spelled([*BYTES, *(byte + "</w>" for byte in BYTES)], after="</w>")
    words += ["<|startoftext|>", "<|endoftext|>"]
    return T.CLIPTokenizer(vocab=numbered(words), merges=merges, model_max_length=LENGTH)


def bert_tokenizer(length: int = LENGTH) -> Any:
    pieces = [*LETTERS, *SYMBOLS]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *("##" + piece for piece in pieces)]
    words += [word for word in WORDS if word not in words]
    return T.BertTokenizer(vocab=numbered(words), do_lower_case=True, model_max_length=length)


def word_tokenizer() -> Any:
    """BERT's, of whole words only, so that they are what is written."""
    return T.BertTokenizer(
        vocab=numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]),
        do_lower_case=True,
        model_max_length=LENGTH,
    )


def ids(tokenizer: Any, length: int = LENGTH) -> dict[str, int]:
    """What a text tower's configuration has to know of its tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


# ---- models


def save(folder: Path, model: Any, processor: Any) -> None:
    """With weights drawn wide enough that different inputs get clearly different vectors."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.3, generator=generator)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def save_wide(folder: Path, model: Any, *others: Any, width: float = 0.3) -> None:
    """With weights and biases drawn so wide that its answers differ from picture to picture and question to question."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            norm = "norm" in name.lower() and name.endswith("weight")  # a scale: it has to stay near one
            weight.normal_(1.0 if norm else 0.0, width, generator=generator)
    model.eval().save_pretrained(folder)
    for other in others:
        other.save_pretrained(folder)


@torch.no_grad()
def save_captioner(
    folder: Path, model: Any, *others: Any, width: float, sight: float, bias: float, seed: int = 0
) -> None:
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


def clip_images() -> Any:
    return T.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SQUARE)


# ---- what plain transformers gives


def official(folder: Path) -> tuple[Any, Any]:
    """(model, processor), as a reader of the transformers documentation would load them."""
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(T, architecture).from_pretrained(folder).eval()
    return model, T.AutoProcessor.from_pretrained(folder, backend="pil")


def contrastive_logits(folder, images, texts, **options):
    """[images, texts]: what the model's own forward gives; `options` are the tokenizer's."""
    model, processor = official(folder)
    options = {"padding": True, "truncation": True, **options}
    inputs = processor(text=texts, images=images, return_tensors="pt", **options)
    return model(**inputs).logits_per_image.numpy()


def seen_cells(image):
    """The grid cells in the place of regions: [1, cells, 2048], and (height, width) in cells."""
    cells = vision_tower().efficientnet_lite(views(image)[1]).last_hidden_state[0]
    regions = torch.zeros(1, cells[0].numel(), 2048)
    regions[0, :, :1280] = cells.flatten(1).T
    return regions, cells.shape[1:]


def five(logits, names):
    values, order = logits.softmax(-1).sort(descending=True)
    return {names[i.item()]: value.item() for i, value in zip(order[:5], values[:5], strict=True)}


def told(sequences, prompt, logits_of, end, decode):
    """What beams wrote, each with its probability: the product of its tokens', read by the model once more."""
    sums = []
    for sequence in sequences:
        length = next((n + 1 for n in range(prompt, len(sequence)) if sequence[n] == end), len(sequence))
        odds = logits_of(sequence[None, :length])[0, -(length - prompt) - 1 : -1].log_softmax(-1)
        sums.append(odds.gather(1, sequence[prompt:length, None]).sum())
    found = {}
    for sequence, share in zip(sequences, torch.stack(sums).softmax(-1).tolist(), strict=True):
        text = decode(sequence[prompt:], skip_special_tokens=True).strip()
        found[text] = found.get(text, 0) + share
    return found
