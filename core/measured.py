# SPDX-License-Identifier: Apache-2.0

"""A figure that was measured, with how sure it is: what every claim of the lab about its own answers is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000  # of the bootstrap
INTERVAL = 0.95


@dataclass(frozen=True)
class Measured:
    """`value` over `n` items, with its 95 % interval `low`..`high`, all in the figure's own unit (0..1 for shares). `prior`
    is what the best guess without a picture would get, None where there is no such guess."""

    value: float
    n: int
    low: float
    high: float
    prior: float | None = None

    @property
    def beats_prior(self) -> bool:
        """Whether the interval excludes the guess."""
        return self.prior is not None and self.low > self.prior


Statistic = Callable[[NDArray[np.integer[Any]]], float]  # of the places of some items


def measure(
    values: Sequence[float] | NDArray[Any],
    pictures: Sequence[int] | NDArray[Any],
    prior: float | None = None,
    statistic: Statistic | None = None,
) -> Measured:
    """The mean of `values` [n], or `statistic` of the places 0..n-1, with a percentile bootstrap over pictures.

    `pictures` [n] says which picture each value comes from. Whole pictures are drawn, since questions about one picture are
    not independent of each other (Davison and Hinkley, Bootstrap Methods, 3.8).
    """
    of = np.asarray(values, float)
    owner = np.asarray(pictures)
    assert 0 < len(of) == len(owner), (len(of), len(owner))
    figure: Statistic = statistic or (lambda places: float(of[places].mean()))
    places = [np.flatnonzero(owner == picture) for picture in np.unique(owner)]
    rng = np.random.default_rng(0)
    drawn = [
        figure(np.concatenate([places[i] for i in rng.integers(len(places), size=len(places))])) for _ in range(DRAWS)
    ]
    low, high = np.nanquantile(drawn, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    return Measured(figure(np.arange(len(of))), len(of), float(low), float(high), prior)
