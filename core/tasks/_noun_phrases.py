# SPDX-License-Identifier: Apache-2.0

"""Scores of labels that name several things, from those of each thing by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.models.abilities import Scale
from core.noun_phrases import noun_phrases

Matrix = NDArray[np.floating[Any]]


def phrases_of(labels: Sequence[str], scale: Scale) -> list[list[str]]:
    """Of each label: itself alone, or its noun phrases for a model that has measured what a further one costs."""
    return [[label] if scale.further is None else noun_phrases(label) for label in labels]


def costs(phrases: Sequence[Sequence[str]], scale: Scale) -> list[float]:
    """Of each label, what its sum of cosines is lowered by."""
    return [(scale.further or 0.0) * (len(parts) - 1) for parts in phrases]


def summed(values: Matrix, phrases: Sequence[Sequence[str]]) -> Matrix:
    """[n, all noun phrases] -> [n, labels]."""
    return np.asarray(np.add.reduceat(values, _starts(phrases), axis=1))


def multiplied(probabilities: Matrix, phrases: Sequence[Sequence[str]]) -> Matrix:
    """The same for probabilities: several things are there if each is, which are taken to be independent."""
    return np.asarray(np.multiply.reduceat(probabilities, _starts(phrases), axis=1))


def _starts(phrases: Sequence[Sequence[str]]) -> NDArray[np.intp]:
    return np.cumsum([0, *map(len, phrases)])[:-1]


def shown(phrases: Sequence[Sequence[str]], cost: float, slope: float | None, bias: float | None) -> list[str]:
    """Lines of a program that make `cosines` [n, labels] of those of all phrases, and with a slope `probabilities`."""
    lines = [
        f"sizes = {[len(parts) for parts in phrases]}  # noun phrases of each label: their cosines are summed",
        "each = cosines.split(sizes, dim=1)",
        "cosines = torch.stack([part.sum(1) for part in each], dim=1)",
        f"cosines -= {cost} * (torch.tensor(sizes) - 1)  # what a further noun phrase has to exceed",
    ]
    if slope is not None:
        one = f"torch.sigmoid({slope} * part + {bias}).prod(1)"
        lines.append(f"probabilities = torch.stack([{one} for part in each], dim=1)")
    return lines
