# SPDX-License-Identifier: Apache-2.0

"""Each loss against its formula, written out number by number."""

import math

import pytest
import torch

from core.training.losses import infoloob_loss, mask_losses, neighbour_loss, sigmoid_loss, softmax_loss

N, D, SCALE, BIAS = 6, 5, 7.0, -3.0
CLOSE = 1e-5


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize
    return unit(torch.randn(N, D, dtype=torch.float64)), unit(torch.randn(N, D, dtype=torch.float64))


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def unit(x):
    return [a / math.sqrt(dot(x, x)) for a in x]


def slow_softmax(images, texts):
    """-1/2n sum over i of both logarithms."""
    total = 0.0
    for i in range(N):
        own = SCALE * dot(images[i], texts[i])
        total += own - math.log(sum(math.exp(SCALE * dot(images[i], texts[j])) for j in range(N)))
        total += own - math.log(sum(math.exp(SCALE * dot(images[j], texts[i])) for j in range(N)))
    return -total / 2 / N


def test_softmax(pairs):
    images, texts = pairs
    wanted = slow_softmax(images.tolist(), texts.tolist())
    assert softmax_loss(SCALE * images @ texts.T).item() == pytest.approx(wanted, abs=CLOSE)


def test_sigmoid(pairs):
    images, texts = pairs
    total = 0.0
    for i, image in enumerate(images.tolist()):
        for j, text in enumerate(texts.tolist()):
            z = (1 if i == j else -1) * (SCALE * dot(image, text) + BIAS)
            total -= math.log(1 / (1 + math.exp(-z)))
    assert sigmoid_loss(SCALE * images @ texts.T + BIAS).item() == pytest.approx(total / N, abs=CLOSE)


def test_infoloob(pairs):
    """CLOOB's equations 4 to 9: retrieve, then leave one out of the denominator."""
    images, texts = (side.tolist() for side in pairs)
    hopfield = 4.0

    def retrieved(stored, asking):
        weights = [math.exp(hopfield * dot(asking, row)) for row in stored]
        return unit([sum(w * row[d] for w, row in zip(weights, stored, strict=True)) / sum(weights) for d in range(D)])

    def left_out(anchors, samples):
        total = 0.0
        for i in range(N):
            others = sum(math.exp(SCALE * dot(anchors[i], samples[j])) for j in range(N) if j != i)
            total -= SCALE * dot(anchors[i], samples[i]) - math.log(others)
        return total / N

    by_images = [[retrieved(images, asking) for asking in side] for side in (images, texts)]
    by_texts = [[retrieved(texts, asking) for asking in side] for side in (images, texts)]
    wanted = (left_out(by_images[0], by_images[1]) + left_out(by_texts[1], by_texts[0])) / 2
    assert infoloob_loss(*pairs, SCALE, hopfield).item() == pytest.approx(wanted, abs=CLOSE)


def test_neighbours(pairs):
    images, texts = pairs
    rows = texts.tolist()
    nearest = [max((j for j in range(N) if j != i), key=lambda j: dot(rows[i], rows[j])) for i in range(N)]
    wanted = slow_softmax(images.tolist(), [rows[j] for j in nearest])
    assert neighbour_loss(images, texts, texts, SCALE).item() == pytest.approx(wanted, abs=CLOSE)


def test_masks():
    torch.manual_seed(0)
    logits, masks = torch.randn(3, 2, 4, dtype=torch.float64), torch.rand(3, 2, 4, dtype=torch.float64)
    masks[1] = 0  # nothing to be found: cross-entropy alone
    cross, dice = 0.0, []
    for zs, ms in zip(logits.flatten(1).tolist(), masks.flatten(1).tolist(), strict=True):
        ps = [1 / (1 + math.exp(-z)) for z in zs]
        cross -= sum(m * math.log(p) + (1 - m) * math.log(1 - p) for p, m in zip(ps, ms, strict=True)) / 24
        if sum(ms):
            dice.append(1 - (2 * dot(ps, ms) + 1) / (sum(ps) + sum(ms) + 1))
    found = mask_losses(logits, masks)
    assert [part.item() for part in found] == pytest.approx([cross, sum(dice) / 2], abs=CLOSE)
    assert mask_losses(logits[1:2], masks[1:2])[1].item() == 0
