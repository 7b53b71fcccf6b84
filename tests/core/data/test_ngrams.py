# SPDX-License-Identifier: Apache-2.0

"""The compact table against a plain count of every run."""

from collections import Counter

import numpy as np

from core.data import bank
from core.data.ngrams import MAX_N, DocumentFrequencies, grams


def plainly(captions):
    counts = Counter()
    for caption in captions:
        counts.update({gram for n in range(1, MAX_N + 1) for gram in grams(caption, n)})
    return counts


def test_it_is_a_plain_count():
    random = np.random.default_rng(0)
    words = np.array(["a", "cat", "on", "the", "mat", "A", "dog"])
    captions = [" ".join(random.choice(words, random.integers(0, 9))) for _ in range(300)]
    expected, found = plainly(captions), DocumentFrequencies(captions)
    assert len(expected) > 500
    assert {gram: found[gram] for gram in expected} == dict(expected)
    assert found[("never", "seen")] == found[("cat", "never")] == 1


def test_of_nothing_and_of_one():
    assert DocumentFrequencies([])[("a",)] == DocumentFrequencies(["", "a b"])[("a", "b")] == 1


def test_it_is_small():
    """A dictionary of the same counts takes a hundred times more."""
    captions = bank.shipped().captions
    found = DocumentFrequencies(captions)
    assert found.nbytes < 5e6
    some = plainly(captions[:300])
    assert found[("a", "man")] > 500
    assert all(found[gram] >= often for gram, often in some.items())
