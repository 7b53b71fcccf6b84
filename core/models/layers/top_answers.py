"""From an answer classifier's logits to the answers that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def likeliest(logits: Tensor, names: Mapping[int, str]) -> dict[str, float]:
    """The five answers that the softmax over [answers] makes most likely."""
    values, indices = logits.softmax(-1).topk(min(5, len(logits)))
    return {names[index]: value for index, value in zip(indices.tolist(), values.tolist(), strict=True)}
