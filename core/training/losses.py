# SPDX-License-Identifier: Apache-2.0

"""Losses, each one number. Those over a batch of pairs take image and text vectors [n, d] of unit norm, row i of one belonging to
row i of the other; their `logits` [n, n] are scale * cosine (+ bias), images by texts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid, normalize


def softmax_loss(logits: Tensor) -> Tensor:
    """CLIP's: each image picks its text among the batch's and each text its image (Radford et al., arXiv 2103.00020)."""
    own = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def sigmoid_loss(logits: Tensor) -> Tensor:
    """SigLIP's: every pair of the n * n is asked by itself whether it belongs together; the sum over n (Zhai et al.,
    arXiv 2303.15343, algorithm 1)."""
    signs = 2 * torch.eye(len(logits), device=logits.device) - 1
    return -logsigmoid(signs * logits).sum() / len(logits)


def infoloob_loss(images: Tensor, texts: Tensor, scale: Tensor | float, hopfield: float = 8.0) -> Tensor:
    """CLOOB's (Fürst et al., arXiv 2110.11316, equations 4 to 9): each vector is first replaced by what the batch retrieves
    for it, which keeps what several share; the own pair is then left out of the denominator, so that a pair already
    matched well does not stop the learning. `hopfield` is the retrieval's inverse temperature."""

    def retrieved(stored: Tensor, asking: Tensor) -> Tensor:
        return normalize((hopfield * asking @ stored.T).softmax(1) @ stored, dim=1)

    by_images = retrieved(images, images), retrieved(images, texts)  # U for images and for texts
    by_texts = retrieved(texts, images), retrieved(texts, texts)
    return (
        _leave_one_out(scale * by_images[0] @ by_images[1].T) + _leave_one_out(scale * by_texts[1] @ by_texts[0].T)
    ) / 2


def _leave_one_out(logits: Tensor) -> Tensor:
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    return (logits.masked_fill(own, float("-inf")).logsumexp(1) - logits.diagonal()).mean()


def neighbour_loss(images: Tensor, texts: Tensor, frozen: Tensor, scale: Tensor | float) -> Tensor:
    """DeCLIP's nearest-neighbour supervision (Li et al., arXiv 2110.05208, section 3.4), with the batch for a queue: each
    image is also drawn to the text that says most nearly the same as its own. Neighbours are found by the texts' `frozen`
    vectors [n, d], so that training cannot move them."""
    alike = frozen @ frozen.T
    own = torch.eye(len(alike), dtype=torch.bool, device=alike.device)
    nearest = alike.masked_fill(own, float("-inf")).argmax(1)
    return softmax_loss(scale * images @ texts[nearest].T)


def mask_losses(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy, mean over pixels, and soft dice (Milletari et al., arXiv 1606.04797, equation 3, as 1 - D and
    smoothed by 1), mean over the masks with something in them: of nothing any claim is as wrong. `logits` and `masks`
    [n, h, w], masks in 0..1."""
    there = masks.flatten(1).sum(1) > 0
    p, m = logits.sigmoid()[there].flatten(1), masks[there].flatten(1)
    dice = 1 - (2 * (p * m).sum(1) + 1) / (p.sum(1) + m.sum(1) + 1)
    return binary_cross_entropy_with_logits(logits, masks), dice.sum() / max(1, len(dice))
