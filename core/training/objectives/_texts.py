# SPDX-License-Identifier: Apache-2.0

"""Texts such as labels and answers in a batch, which holds tensors only: as UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad


def encode_texts(texts: Sequence[str]) -> Tensor:
    """[n, bytes of the longest] uint8, padded with zeros."""
    rows = [text.encode("utf-8", "replace") for text in texts]
    longest = max(map(len, rows))
    return torch.tensor([list(row.ljust(longest, b"\0")) for row in rows], dtype=torch.uint8)


def decode_texts(rows: Tensor) -> list[str]:
    """The n texts of `encode_texts`."""
    return [bytes(row).rstrip(b"\0").decode("utf-8") for row in rows.tolist()]


def index_among(rows: Tensor, among: Tensor) -> Tensor:
    """[n] int64: for each of `rows` [n, width] the index of the equal row of `among` [m, another width], -1 for none. Both are of
    `encode_texts`."""
    width = max(rows.shape[1], among.shape[1])
    rows, among = (pad(part, (0, width - part.shape[1])) for part in (rows, among.to(rows.device)))
    same = (rows[:, None] == among).all(-1)
    return torch.where(same.any(1), same.to(torch.uint8).argmax(1), -1)


def known_cross_entropy(logits: Tensor, right: Tensor) -> Tensor:
    """Mean cross-entropy of `logits` [n, m] and class indices `right` [n], over the rows whose class is known, not -1; 0 where none
    is, as may be in a small held-out part."""
    total = cross_entropy(logits, right, ignore_index=-1, reduction="sum")
    return total / (right >= 0).sum().clamp_min(1)
