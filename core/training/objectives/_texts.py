# SPDX-License-Identifier: Apache-2.0

"""Texts in a batch, which holds tensors only: their UTF-8 bytes, and which of a list each of them is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad


def as_bytes(texts: Sequence[str]) -> Tensor:
    """[n, longest] uint8, filled up with zeros."""
    rows = [text.encode("utf-8", "replace") for text in texts]
    longest = max(map(len, rows))
    return torch.tensor([list(row.ljust(longest, b"\0")) for row in rows], dtype=torch.uint8)


def as_texts(rows: Tensor) -> list[str]:
    return [bytes(row).rstrip(b"\0").decode("utf-8") for row in rows.tolist()]


def places(rows: Tensor, among: Tensor) -> Tensor:
    """[n] of int64: which of `among` [m, other width] each of `rows` [n, width] is, -1 for none."""
    width = max(rows.shape[1], among.shape[1])
    rows, among = (pad(part, (0, width - part.shape[1])) for part in (rows, among.to(rows.device)))
    same = (rows[:, None] == among).all(-1)
    return torch.where(same.any(1), same.to(torch.uint8).argmax(1), -1)


def choice_loss(logits: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy of `logits` [n, m] over the rows whose `right` [n] answer is among the m; 0 where none is, as may be in
    a small held-out part."""
    total = cross_entropy(logits, right, ignore_index=-1, reduction="sum")
    return total / (right >= 0).sum().clamp_min(1)
