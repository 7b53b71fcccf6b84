# SPDX-License-Identifier: Apache-2.0

"""ASIF (Norelli et al., arXiv 2210.01738): two encoders trained apart, joined by a list of anchor pairs.

An image is described by its similarities to the anchors' images, a text by those to the anchors' texts; the two
descriptions can be compared, because both are over the same anchors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Chosen on a broad plateau (k 100 to 1000, p 2 to 2.5 differ by no more than noise).
K, P = 200, 2.0


def relative(vectors: Tensor, anchors: Tensor, k: int = K, p: float = P) -> Tensor:
    """Relative representation, steps 2 to 5 of the paper: [n, d], [anchors, d] -> [n, anchors], unit norm.

    Both inputs have unit norm.
    """
    return sharpen(vectors @ anchors.T, k, p)


def sharpen(similarities: Tensor, k: int = K, p: float = P) -> Tensor:
    """Steps 3 to 5: the k largest of each row, to the power p, unit norm. Negative similarities are set to 0 before
    the power: a non-integer power of a negative number is not a number."""
    import torch

    similarities = similarities.clamp_min(0)
    values, indices = similarities.topk(min(k, similarities.shape[1]), dim=1)
    sparse = torch.zeros_like(similarities).scatter_(1, indices, values**p)
    return torch.nn.functional.normalize(sparse, dim=1)


def adapted(vectors: Tensor, anchors: Tensor, added: Tensor | None = None) -> Tensor:
    """Relative representations plus a linear map `added` [d, anchors] of the vectors themselves, which may be learned:
    [n, d] and [anchors, d] of unit norm -> [n, anchors], unit norm."""
    import torch

    representation = relative(vectors, anchors)
    if added is None:
        return representation
    return torch.nn.functional.normalize(representation + vectors @ added, dim=1)
