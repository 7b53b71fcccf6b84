# SPDX-License-Identifier: Apache-2.0

"""Exact nearest neighbours by cosine, and recall."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.engine import OnStep
from core.errors import Stopped
from core.results import Failure, Recall

Vectors = NDArray[np.float32]
BLOCK_SCORES = 2**22  # scores that are in memory at once: 16 MB, compared in some tens of milliseconds


def top_k(gallery: Vectors, query: Vectors, k: int) -> tuple[list[int], list[float]]:
    """Indices and cosines of the k rows of `gallery` [n, d] nearest to `query` [d], best first.

    One pass over memory: a matrix-vector product, then a partial sort of the n scores. Ties go by position,
    at the k-th place too, so that a ranking never flickers.
    """
    k = min(k, len(gallery))
    if k <= 0:
        return [], []
    scores = gallery @ query
    worst = np.partition(scores, -k)[-k]
    best = np.flatnonzero(scores >= worst)
    best = best[np.argsort(-scores[best], kind="stable")][:k]
    return best.tolist(), scores[best].tolist()


def ranks(
    queries: Vectors,
    gallery: Vectors,
    right: Sequence[Sequence[int]],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each of queries [q, d] at which rank, from 1, the best of its right rows of `gallery` [n, d] comes; and which row
    comes first. See `recall`."""
    found, firsts = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.int64)
    rows = max(1, BLOCK_SCORES // max(1, len(gallery)))
    places = np.arange(len(gallery))
    for start in range(0, len(queries), rows):
        if stop is not None and stop.is_set():
            raise Stopped
        scores = queries[start : start + rows] @ gallery.T
        answers = [np.sort(np.asarray(own)) for own in right[start : start + rows]]
        # The best of the right answers, and of equal ones the first.
        place = np.array([own[row[own].argmax()] for row, own in zip(scores, answers, strict=True)])
        best = scores[np.arange(len(scores)), place][:, None]
        before = (scores > best).sum(1) + ((scores == best) & (places < place[:, None])).sum(1)
        found[start : start + rows] = 1 + before
        firsts[start : start + rows] = scores.argmax(1)
        if on_step:
            on_step(min(start + rows, len(queries)), len(queries))
    return found, firsts


def recall(
    queries: Vectors,
    gallery: Vectors,
    right: Sequence[Sequence[int]],
    at: Sequence[int] = (1, 5, 10),
    query_names: Sequence[str] = (),
    gallery_names: Sequence[str] = (),
    failures: int = 12,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Recall:
    """Recall@k, 0..1: the share of queries [q, d] with a right row of `gallery` [n, d] among the first k.

    `right[q]` are the gallery rows that answer query q. Ties go by position, as in `top_k`: a model to which
    all is one would be right every time if they went to the right answer. With names given, the worst `failures` come too.
    Block by block of queries, so that memory is bounded and other threads run in between. Raises Stopped between blocks
    once `stop` is set.
    """
    rank, firsts = ranks(queries, gallery, right, on_step, stop)
    worst = sorted(np.flatnonzero(rank > 1).tolist(), key=lambda q: -rank[q])[:failures]
    return Recall(
        {k: float(np.mean(rank <= k)) for k in at},
        [Failure(query_names[q], gallery_names[right[q][0]], gallery_names[firsts[q]], int(rank[q])) for q in worst]
        if query_names
        else [],
    )
