# SPDX-License-Identifier: Apache-2.0

"""A caption bank: sentences to choose from, each with the anchors that it resembles most, computed once."""

from __future__ import annotations

import gzip
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.assets import CAPTIONER_FOLDER
from core.data.ngrams import DocumentFrequencies
from core.engine import OnStep
from core.errors import UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.text import clean_text

ANCHORS = 100  # of each caption, that are kept
MAX_CAPTIONS = 100_000
MAX_CAPTION_LENGTH = 300  # characters
MAX_WORDS = 2_000_000  # of all captions together


@dataclass(frozen=True)
class Bank:
    """n captions. `indices` [n, ANCHORS] are the anchors that each resembles most, `similarities` [n, ANCHORS] how much, largest
    first, in 0..1."""

    captions: tuple[str, ...]
    indices: NDArray[np.uint16] = field(repr=False)
    similarities: NDArray[np.float16] = field(repr=False)

    def __len__(self) -> int:
        return len(self.captions)

    @property
    def document_frequencies(self) -> DocumentFrequencies:
        """In how many captions each run of words occurs; counted once for the last banks that were asked for."""
        return _document_frequencies(self.captions)

    @property
    def log_size(self) -> float:
        """The natural logarithm of the number of captions, of 2 at least."""
        return math.log(max(2, len(self)))


@lru_cache(maxsize=3)  # the bank that ships, and those of two visitors
def _document_frequencies(captions: tuple[str, ...]) -> DocumentFrequencies:
    return DocumentFrequencies(captions)


@lru_cache(maxsize=1)
def shipped() -> Bank:
    """The bank in assets/, sampled from the caption language model by recipes/bank.py; memory-mapped."""
    from safetensors.torch import load_file  # maps the file; numpy's reader would copy it

    captions = tuple(gzip.decompress((CAPTIONER_FOLDER / "bank.txt.gz").read_bytes()).decode().splitlines())
    mapped = load_file(CAPTIONER_FOLDER / "bank.safetensors")
    return Bank(captions, mapped["indices"].numpy(), mapped["similarities"].numpy())


def parse(text: str) -> list[str]:
    """The captions of a text, one a line, in its order and without duplicates. Raises UserError for none, for more than
    MAX_CAPTIONS or MAX_WORDS, and for one of more than MAX_CAPTION_LENGTH characters."""
    if len(text) > MAX_CAPTIONS * MAX_CAPTION_LENGTH:
        raise UserError(f"That is {len(text):,} characters; at most {MAX_CAPTIONS * MAX_CAPTION_LENGTH:,} are read.")
    lines = dict.fromkeys(" ".join(line.split()) for line in text.splitlines())
    captions = [clean_text(line[: MAX_CAPTION_LENGTH + 1]) for line in lines if line]
    if not captions:
        raise UserError("The bank is empty. Give a text file with one caption a line.")
    _check(captions)
    if max(map(len, captions)) > MAX_CAPTION_LENGTH:
        raise UserError(f"A line has more than {MAX_CAPTION_LENGTH} characters. Put each caption on a line of its own.")
    return captions


def _check(captions: Sequence[str]) -> None:
    if len(captions) > MAX_CAPTIONS:
        raise UserError(f"That is {len(captions):,} captions; at most {MAX_CAPTIONS:,} make a bank.")
    words = sum(caption.count(" ") + 1 for caption in captions)
    if words > MAX_WORDS:
        raise UserError(f"That is {words:,} words; captions of at most {MAX_WORDS:,} together make a bank.")


def make(
    models: Models,
    captions: Sequence[str],
    name: str = EMBEDDED,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Bank:
    """The bank of these captions, each described by its ANCHORS most similar anchors of the model `name`. About 200 captions a
    second on two cores, in batches of a quarter of a second. Raises UserError for more than MAX_CAPTIONS or MAX_WORDS, and
    Stopped between batches once `stop` is set."""
    import torch

    _check(captions)
    digest = blake2b("\n".join(captions).encode(), digest_size=16).hexdigest()
    key = (digest, "bank", name, models.catalog.revision(name), "float32", "text")
    known = models.engine.cache.get(key)
    if known is not None:
        return Bank(tuple(captions), known["indices"], known["similarities"])
    parts = models.map(name, "anchor_texts", list(captions), 256, on_step, stop)
    indices, similarities = [], []
    for part in parts:
        values, places = torch.as_tensor(part).clamp_min(0).topk(min(ANCHORS, part.shape[1]), dim=1)
        similarities.append(values.numpy().astype(np.float16))
        indices.append(places.numpy().astype(np.uint16))
    made = Bank(tuple(captions), np.concatenate(indices), np.concatenate(similarities))
    models.engine.cache.put(key, {"indices": made.indices, "similarities": made.similarities})
    return made
