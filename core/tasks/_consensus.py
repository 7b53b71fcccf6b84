"""Of many captions that might fit, the one that most others agree with: it says what is common to them, and leaves out what only
one of them makes up (Devlin et al., 2015, arXiv 1505.04467, section 3)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.bank import Gram, grams

SPREAD = 6.0  # words by which two captions may differ in length, as in CIDEr


def agreement(
    captions: Sequence[str], weights: NDArray[np.floating], counts: Counter[Gram], log_size: float
) -> NDArray[np.float64]:
    """[n] in 0..1: how alike each caption is to the others, which count by their weights [n]. Alike is the cosine of the
    tf-idf of runs of one to four words, averaged, times a Gaussian of the difference in length (CIDEr, Vedantam et al.,
    arXiv 1411.5726, without its clipping)."""
    alike = np.mean([_cosines(captions, n, counts, log_size) for n in range(1, 5)], axis=0)
    lengths = np.array([len(caption.split()) for caption in captions])
    alike *= np.exp(-((lengths[:, None] - lengths) ** 2) / (2 * SPREAD**2))
    np.fill_diagonal(alike, 0)
    total = float(weights.sum())
    return alike @ weights / total if total > 0 else np.zeros(len(captions))


def _cosines(captions: Sequence[str], n: int, counts: Counter[Gram], log_size: float) -> NDArray[np.float64]:
    found = [Counter(grams(caption, n)) for caption in captions]
    column = {gram: place for place, gram in enumerate(dict.fromkeys(gram for row in found for gram in row))}
    matrix = np.zeros((len(captions), max(1, len(column))))
    for row, own in enumerate(found):
        for gram, often in own.items():
            matrix[row, column[gram]] = often * max(0.0, log_size - math.log(max(1, counts[gram])))
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return matrix @ matrix.T
