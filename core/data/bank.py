"""A caption bank: sentences to choose from, each with the anchors that it resembles most, computed once."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.assets import CAPTIONER_FOLDER
from core.engine import OnStep
from core.errors import UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.text import clean_text

KEPT = 100  # anchors of each caption
MAX_CAPTIONS, LENGTH = 100_000, 300
Gram = tuple[str, ...]


@dataclass(frozen=True)
class Bank:
    """n captions. `indices` [n, KEPT] are the anchors that each resembles most, `similarities` [n, KEPT] how much, largest
    first, in 0..1."""

    captions: tuple[str, ...]
    indices: NDArray[np.uint16] = field(repr=False)
    similarities: NDArray[np.float16] = field(repr=False)

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def gram_counts(self) -> Counter[Gram]:
        """In how many captions each run of one to four words occurs. About two seconds for the bank that ships, once."""
        return _gram_counts(self.captions)

    @property
    def log_size(self) -> float:
        return math.log(max(2, len(self)))


@lru_cache(maxsize=3)  # the bank that ships, and those of two visitors
def _gram_counts(captions: tuple[str, ...]) -> Counter[Gram]:
    counts: Counter[Gram] = Counter()
    for caption in captions:
        counts.update({gram for n in range(1, 5) for gram in grams(caption, n)})
    return counts


def grams(caption: str, n: int) -> list[Gram]:
    """All runs of n words."""
    words = caption.lower().split()
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


@lru_cache(maxsize=1)
def shipped() -> Bank:
    """The bank in assets/, sampled from the caption language model by recipes/bank.py; memory-mapped."""
    from safetensors.torch import load_file  # maps the file; numpy's reader would copy it

    captions = tuple(gzip.decompress((CAPTIONER_FOLDER / "bank.txt.gz").read_bytes()).decode().splitlines())
    mapped = load_file(CAPTIONER_FOLDER / "bank.safetensors")
    return Bank(captions, mapped["indices"].numpy(), mapped["similarities"].numpy())


def parse(text: str) -> list[str]:
    """Captions one a line, without duplicates. Raises UserError for none, too many, or too long ones."""
    if len(text) > MAX_CAPTIONS * LENGTH:
        raise UserError(f"That is {len(text):,} characters; at most {MAX_CAPTIONS * LENGTH:,} are read.")
    lines = dict.fromkeys(" ".join(line.split()) for line in text.splitlines())
    captions = [clean_text(line[: LENGTH + 1]) for line in lines if line]
    if not captions:
        raise UserError("The bank is empty. Give a text file with one caption a line.")
    if len(captions) > MAX_CAPTIONS:
        raise UserError(f"That is {len(captions):,} captions; at most {MAX_CAPTIONS:,} make a bank.")
    if max(map(len, captions)) > LENGTH:
        raise UserError(f"A line has more than {LENGTH} characters. Put each caption on a line of its own.")
    return captions


def make(models: Models, captions: Sequence[str], name: str = EMBEDDED, on_step: OnStep | None = None) -> Bank:
    """Describe each caption by its KEPT most similar anchors, once. About 200 captions a second on two cores."""
    import torch

    digest = blake2b("\n".join(captions).encode(), digest_size=16).hexdigest()
    key = (digest, "bank", name, models.catalog.revision(name), "float32", "text")
    known = models.engine.cache.get(key)
    if known is not None:
        return Bank(tuple(captions), known["indices"], known["similarities"])
    parts = models.map(name, "anchor_texts", list(captions), 256, on_step)
    indices, similarities = [], []
    for part in parts:
        values, places = torch.as_tensor(part).clamp_min(0).topk(min(KEPT, part.shape[1]), dim=1)
        similarities.append(values.numpy().astype(np.float16))
        indices.append(places.numpy().astype(np.uint16))
    made = Bank(tuple(captions), np.concatenate(indices), np.concatenate(similarities))
    models.engine.cache.put(key, {"indices": made.indices, "similarities": made.similarities})
    return made
