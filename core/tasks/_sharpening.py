# SPDX-License-Identifier: Apache-2.0

"""Relative representations over named anchors (ASIF, Norelli et al., arXiv 2210.01738), with anchors taken away."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.data.bank import Bank
from core.errors import Stopped

CAPTIONS_AT_ONCE = 8_192  # of a bank, that are scored at once
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Sharpening:
    """Similarities with anchors -> relative representations: the k largest, but for the anchors at the places `removed`,
    to the power p, unit norm."""

    k: int
    p: float
    removed: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    def __call__(self, similarities: Array) -> Array:
        """[n, anchors] -> the same shape."""
        kept = np.maximum(similarities, 0).astype(np.float64)
        kept[:, self.removed] = 0
        if self.k < kept.shape[1]:
            np.put_along_axis(kept, np.argpartition(-kept, self.k, axis=1)[:, self.k :], 0, axis=1)
        kept **= self.p
        unit: Array = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9)
        return unit

    def bank_scores(self, bank: Bank, picture: Array, stop: threading.Event | None = None) -> Array:
        """[n] in 0..1: each caption's representation times that of a picture [anchors], a block of captions at a time, so
        that other threads run in between."""
        scores = np.empty(len(bank), np.float32)
        for start in range(0, len(bank), CAPTIONS_AT_ONCE):
            if stop is not None and stop.is_set():
                raise Stopped
            block = slice(start, start + CAPTIONS_AT_ONCE)
            indices, values = bank.indices[block], bank.similarities[block].astype(np.float32)
            if len(self.removed):
                there = ~np.isin(indices, self.removed)
                values *= there & (there.cumsum(1) <= self.k)
            else:
                values[:, self.k :] = 0
            values **= self.p
            products = (values * picture.astype(np.float32)[indices]).sum(1)
            scores[block] = products / np.maximum(np.linalg.norm(values, axis=1), 1e-9)
        return scores
