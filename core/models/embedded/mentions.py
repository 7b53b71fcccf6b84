# SPDX-License-Identifier: Apache-2.0

"""What the captions that resemble a picture most speak of: things seen in such places, whether or not they look like much."""

from __future__ import annotations

import gzip
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.assets import CAPTIONER_FOLDER
from core.models.embedded.questions import plain_words, singular
from core.models.embedded.vocabulary import open_words

if TYPE_CHECKING:
    from torch import Tensor

# Of the captions nearest to a picture, as many count, each with the weight score ** POWER. A phrase is shortened from the
# left until LEAST captions speak of it: few say "potted plant", many "plant".
NEAREST, POWER, LEAST = 1_000, 4, 10
ANCHORS = 1_000  # of the embedded model
Array = NDArray[np.floating[Any]]


class Mentions:
    """Of the bank of captions that comes with the lab (recipes/bank.py), read when first needed. Vectors are relative
    representations over ANCHORS."""

    def near(self, pictures: Array, phrases: list[str]) -> Array:
        """[n, m] in 0..1: the share of the captions nearest to each picture [n, anchors] that speak of each phrase."""
        spoken = np.stack([self.spoken(phrase) for phrase in phrases])
        shares = np.empty((len(pictures), len(phrases)))
        for row, picture in enumerate(pictures):
            scores = self._anchored @ picture.astype(np.float32)
            best = np.argpartition(-scores, NEAREST)[:NEAREST]
            weights = scores[best] ** POWER
            shares[row] = spoken[:, best] @ weights / max(weights.sum(), 1e-12)
        return shares

    def often(self, phrases: list[str]) -> Array:
        """[m] in 0..1: the share of all captions that speak of each phrase."""
        return np.array([self.spoken(phrase).mean() for phrase in phrases])

    def spoken(self, phrase: str) -> NDArray[np.bool_]:
        """[captions]: which of them name the phrase, or what is of the kind that it names."""
        found: NDArray[np.bool_] = self._spoken(" ".join(plain_words(phrase)))
        return found

    @cached_property
    def _spoken(self) -> Any:
        return lru_cache(maxsize=2_048)(self._look_up)

    def _look_up(self, phrase: str) -> NDArray[np.bool_]:
        words = [_singular(word) for word in phrase.split()]
        found = np.zeros(len(self._captions), np.bool_)
        while words:
            for name in (" ".join(words), *_of_kind(" ".join(words))):
                found[self._naming(name)] = True
            if found.sum() >= LEAST:
                break
            words = words[1:]
        return found

    def _naming(self, name: str) -> list[int]:
        """The captions in which these words follow each other."""
        words = name.split()
        together = set.intersection(*(self._holding.get(word, set()) for word in words))
        return [i for i in together if len(words) == 1 or f" {name} " in self._captions[i]]

    @cached_property
    def _captions(self) -> list[str]:
        """Each in the singular, with a space before and after."""
        text = gzip.decompress((CAPTIONER_FOLDER / "bank.txt.gz").read_bytes()).decode()
        lines = (re.findall(r"[a-z0-9']+", line) for line in text.splitlines())
        return [f" {' '.join(map(_singular, words))} " for words in lines]

    @cached_property
    def _holding(self) -> dict[str, set[int]]:
        """The captions that hold each word."""
        holding: dict[str, set[int]] = {}
        for number, caption in enumerate(self._captions):
            for word in caption.split():
                holding.setdefault(word, set()).add(number)
        return holding

    @cached_property
    def _anchored(self) -> Any:
        """Sparse [captions, anchors] of float32, unit norm: relative representations of those anchors that were kept."""
        from safetensors.torch import load_file
        from scipy.sparse import csr_matrix

        kept = load_file(CAPTIONER_FOLDER / "bank.safetensors")
        values = _unit(kept["similarities"].float().clamp_min(0) ** 2).numpy()
        rows, width = values.shape
        starts = np.arange(0, values.size + 1, width)
        columns = kept["indices"].numpy().astype(np.int32)
        return csr_matrix((values.ravel(), columns.ravel(), starts), shape=(rows, ANCHORS))


def _unit(values: Tensor) -> Tensor:
    from torch.nn.functional import normalize

    return normalize(values, dim=1)


@lru_cache(maxsize=20_000)
def _singular(word: str) -> str:
    return singular(word)


@lru_cache(maxsize=2_048)
def _of_kind(name: str) -> tuple[str, ...]:
    """Open words of this kind: a dog where an animal was asked for."""
    return tuple(_all_singular(row["word"]) for row in open_words() if name in row["kinds"])


def _all_singular(name: str) -> str:
    return " ".join(map(_singular, name.split()))
