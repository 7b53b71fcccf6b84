# SPDX-License-Identifier: Apache-2.0

"""What captions of similar pictures would say next: a language model of a few hundred sentences, to be mixed with a real one
(nearest-neighbour language models, Khandelwal et al., arXiv 1911.00172, on runs of words instead of hidden states)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

ORDER = 4  # tokens of context, at most
BACK_OFF = 1.0  # how many weighted sightings a shorter context counts for


class Recalled:
    """Weighted runs of tokens. Rows begin and end with the writer's end token."""

    def __init__(self, rows: Sequence[Sequence[int]], weights: Sequence[float]) -> None:
        mean = sum(weights) / max(1, len(weights)) or 1.0
        self._next: dict[tuple[int, ...], dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for row, weight in zip(rows, weights, strict=True):
            for place in range(1, len(row)):
                for length in range(min(ORDER, place) + 1):
                    self._next[tuple(row[place - length : place])][row[place]] += weight / mean

    def after(self, row: Sequence[int]) -> dict[int, float]:
        """Token -> probability, adding up to 1: the longest context that was seen, interpolated with all shorter ones."""
        found: dict[int, float] = {}
        for length in range(min(ORDER, len(row)) + 1):
            seen = self._next.get(tuple(row[len(row) - length :]))
            if not seen:
                break
            total = sum(seen.values())
            back_off = BACK_OFF if found else 0.0
            shorter = {token: back_off * share for token, share in found.items()}
            found = {
                token: (seen.get(token, 0.0) + shorter.get(token, 0.0)) / (total + back_off)
                for token in {**shorter, **seen}
            }
        return found
