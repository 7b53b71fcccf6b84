# SPDX-License-Identifier: Apache-2.0

"""Of many captions that might fit, the one that most others agree with: it says what is common to them, and leaves out what only
one of them makes up (Devlin et al., 2015, arXiv 1505.04467, section 3)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.ngrams import MAX_N, DocumentFrequencies, grams

SPREAD = 6.0  # words by which two captions may differ in length, as in CIDEr


def agreement(
    captions: Sequence[str], weights: NDArray[np.floating], frequencies: DocumentFrequencies, log_size: float
) -> NDArray[np.float64]:
    """[n] in 0..1: how alike each caption is to the others, which count by their weights [n]. Alike is the cosine of the
    tf-idf of runs of one to four words, averaged, times a Gaussian of the difference in length (CIDEr, Vedantam et al.,
    arXiv 1411.5726, without its clipping)."""
    alike = np.mean([_cosines(captions, n, frequencies, log_size) for n in range(1, MAX_N + 1)], axis=0)
    lengths = np.array([len(caption.split()) for caption in captions])
    alike *= np.exp(-((lengths[:, None] - lengths) ** 2) / (2 * SPREAD**2))
    np.fill_diagonal(alike, 0)
    total = float(weights.sum())
    return alike @ weights / total if total > 0 else np.zeros(len(captions))


def _cosines(captions: Sequence[str], n: int, frequencies: DocumentFrequencies, log_size: float) -> NDArray[np.float64]:
    """[n, n]. The matrix of captions and runs is sparse: long captions would fill the memory otherwise."""
    from scipy.sparse import csr_array

    weight: dict[tuple[str, ...], float] = {}
    column: dict[tuple[str, ...], int] = {}
    rows, columns, values = [], [], []
    for row, caption in enumerate(captions):
        for gram, often in Counter(grams(caption, n)).items():
            if gram not in column:
                column[gram] = len(column)
                weight[gram] = max(0.0, log_size - math.log(frequencies[gram]))
            rows.append(row)
            columns.append(column[gram])
            values.append(often * weight[gram])
    matrix = csr_array((values, (rows, columns)), (len(captions), max(1, len(column))))
    norms = np.maximum(np.sqrt(matrix.power(2).sum(1)), 1e-9)
    return np.asarray((matrix @ matrix.T).toarray() / norms[:, None] / norms)
