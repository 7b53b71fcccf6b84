"""Retrieval: exact search by cosine, in RAM, and how good it is where the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.models.base import DualEncoder
from core.results import Failure, Recall
from core.tasks import TASKS, Task

TASK = TASKS.register("retrieval", Task("retrieval", "find pictures by words, words by a picture", DualEncoder))

Vectors = NDArray[np.float32]


def top_k(gallery: Vectors, query: Vectors, k: int) -> tuple[list[int], list[float]]:
    """Indices and cosines of the k rows of `gallery` [n, d] nearest to `query` [d], best first.

    One pass over memory: a matrix-vector product, then a partial sort of the n scores.
    """
    scores = gallery @ query
    k = min(k, len(scores))
    if k <= 0:
        return [], []
    best = np.argpartition(-scores, k - 1)[:k]
    best = best[np.lexsort((best, -scores[best]))]  # ties by position, so that a ranking never flickers
    return best.tolist(), scores[best].tolist()


def recall(
    queries: Vectors,
    gallery: Vectors,
    right: Sequence[Sequence[int]],
    at: Sequence[int] = (1, 5, 10),
    query_names: Sequence[str] = (),
    gallery_names: Sequence[str] = (),
    failures: int = 12,
) -> Recall:
    """Recall@k: the share of queries with a right gallery row among the first k.

    `right[q]` are the gallery rows that answer query q. With names given, the worst `failures` come too.
    """
    ranks, firsts = [], []
    for query, answers in zip(queries, right, strict=True):
        scores = gallery @ query
        ranks.append(1 + int((scores > scores[list(answers)].max()).sum()))
        firsts.append(int(scores.argmax()))
    worst = sorted((q for q, rank in enumerate(ranks) if rank > 1), key=lambda q: -ranks[q])[:failures]
    return Recall(
        {k: float(np.mean([rank <= k for rank in ranks])) for k in at},
        [Failure(query_names[q], gallery_names[right[q][0]], gallery_names[firsts[q]], ranks[q]) for q in worst]
        if query_names
        else [],
    )
