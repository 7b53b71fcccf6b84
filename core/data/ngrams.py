# SPDX-License-Identifier: Apache-2.0

"""Runs of one to four words, and in how many captions of a bank each occurs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Gram = tuple[str, ...]
MAX_N = 4  # words


def grams(caption: str, n: int) -> list[Gram]:
    """All runs of n words, in lower case, in their order; [] where there are fewer."""
    words = caption.lower().split()
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


class DocumentFrequencies:
    """`frequencies[run]`: in how many captions a run of one to MAX_N words occurs, at least 1.

    Runs of a single caption are not kept, nor what goes on from them, so that the table of 100,000 captions takes some
    megabytes: twelve bytes for each run of two captions or more.
    """

    def __init__(self, captions: Sequence[str]) -> None:
        self._words: dict[str, int] = {}
        numbers, lengths = array("q"), []
        for caption in captions:
            own = caption.lower().split()
            lengths.append(len(own))
            numbers.extend(self._words.setdefault(word, len(self._words)) for word in own)
        words = np.frombuffer(numbers, np.int64) if numbers else np.zeros(0, np.int64)
        documents = np.repeat(np.arange(len(lengths)), lengths)
        self._levels: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = []  # of each length: keys, and how often
        starts = np.arange(len(words))  # where the runs of the length before, that are kept, begin
        before = np.zeros(len(words), np.int64)  # which of these they are
        for length in range(1, MAX_N + 1):
            whole = starts + length - 1 < len(words)
            starts, before = starts[whole], before[whole]
            last = starts + length - 1
            inside = documents[starts] == documents[last]
            starts, before, last = starts[inside], before[inside], last[inside]
            keys = before * len(self._words) + words[last]
            order = np.argsort(keys, kind="stable")  # so that the captions of one key stay in order
            repeated = (np.diff(keys[order], prepend=-1) == 0) & (np.diff(documents[starts][order], prepend=-1) == 0)
            kept, counts = np.unique(keys[order][~repeated], return_counts=True)
            kept, counts = kept[counts > 1], counts[counts > 1]
            self._levels.append((kept, counts.astype(np.int32)))
            found = np.searchsorted(kept, keys)
            there = found < len(kept)
            there[there] = kept[found[there]] == keys[there]
            starts, before = starts[there], found[there]

    def __getitem__(self, gram: Gram) -> int:
        place, often = 0, 1
        for word, (keys, counts) in zip(gram, self._levels, strict=False):
            if word not in self._words:
                return 1
            key = place * len(self._words) + self._words[word]
            place = int(np.searchsorted(keys, key))
            if place == len(keys) or keys[place] != key:
                return 1
            often = int(counts[place])
        return often

    @property
    def nbytes(self) -> int:
        """Of the tables, without the words."""
        return sum(keys.nbytes + counts.nbytes for keys, counts in self._levels)
