# SPDX-License-Identifier: Apache-2.0

"""Whether what was asked for is in a picture at all, by models that have measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.models.abilities import AbsentBelow, PresenceEstimator
from core.models.inference import Models

if TYPE_CHECKING:
    from torch import Tensor


def of_labels(
    models: Models, name: str, pictures: NDArray[np.floating[Any]], labels: Sequence[str]
) -> tuple[list[list[float]] | None, list[bool | None]]:
    """For pictures [n, d] the presence of each label, n rows of m in 0..1, and whether probably none of them is there."""
    import torch

    if not issubclass(models.catalog.adapter(name), PresenceEstimator):
        return None, [None] * len(pictures)
    found = models.call(name, "presence", torch.from_numpy(np.asarray(pictures)), list(labels)).numpy()
    below: AbsentBelow = models.detail(name, "absent_below")
    return found.tolist(), [bool(row.max() < below.labels) for row in found]


def of_prompts(
    models: Models, name: str, encoding: Mapping[str, Tensor], prompts: Sequence[str]
) -> tuple[list[float | None], list[bool | None]]:
    """The presence of each prompt in the picture, and whether it is probably absent."""
    if not issubclass(models.catalog.adapter(name), PresenceEstimator):
        return [None] * len(prompts), [None] * len(prompts)
    found = models.call(name, "presence_in", encoding, list(prompts)).tolist()
    below: AbsentBelow = models.detail(name, "absent_below")
    return found, [value < below.phrase for value in found]
