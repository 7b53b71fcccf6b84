# SPDX-License-Identifier: Apache-2.0

"""From an answer classifier's logits to the answers that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TOP = 5


def top_answers(logits: Tensor, names: Mapping[int, str]) -> dict[str, float]:
    """From [answers] the TOP ones by their softmax, most probable first; fewer where there are fewer."""
    values, indices = logits.softmax(-1).topk(min(TOP, len(logits)))
    return {names[index]: value for index, value in zip(indices.tolist(), values.tolist(), strict=True)}
