"""Answers that are measured on a phrase's maps, not learned: its colour, where it is, and how many of it there are.

Each gives a share of evidence for every answer, and the shares add up to 1.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

# Upper end of hue in degrees, and the word for it. Orange that is dark is brown.
HUES = ((14, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (260, "blue"), (300, "purple"), (342, "pink"), (361, "red"))  # fmt: skip
SIDES = ("left", "right", "top", "bottom", "middle")
MOST = 6
# What counts as one thing, chosen on composed scenes kept apart: in the finest spread of the similarity (an index into
# _dense.MAPS), places that touch, above this share of the highest of all, at least SMALLEST of them.
FINEST, HEIGHTS, SMALLEST = 6, (0.8, 0.85, 0.9), 4


def colours(pixels: Tensor, probabilities: Tensor) -> dict[str, float]:
    """The colour words of `pixels` [3, h, w] in -1..1, each place counted by its probability [h, w]."""
    rgb = (pixels.permute(1, 2, 0).cpu().numpy() * 128 + 127).clip(0, 255).astype(np.uint8)
    words = colour_words(np.asarray(Image.fromarray(rgb).convert("HSV")).reshape(-1, 3))
    weights = probabilities.cpu().numpy().ravel()
    return _shares({str(word): float(weights[words == word].sum()) for word in np.unique(words)})


def colour_words(hsv: NDArray[np.uint8]) -> NDArray[np.str_]:
    """[n, 3] as Pillow gives it, each in 0..255 -> n words."""
    hue, saturation, value = hsv[:, 0] * (360 / 256), hsv[:, 1], hsv[:, 2]
    words = np.array([word for _, word in HUES])[np.searchsorted([end for end, _ in HUES], hue, side="right")]
    words = np.where((words == "orange") & (value < 170), "brown", words)
    grey = np.select([value < 60, value > 190], ["black", "white"], "grey")
    return np.where((saturation < 50) | (value < 45), grey, words)


def sides(probabilities: Tensor) -> dict[str, float]:
    """How much of the probability [h, w] lies in the outer thirds and in the middle of the picture."""
    p = probabilities.cpu().numpy()
    height, width = p.shape
    y, x = (np.arange(n) * 3 // n for n in (height, width))
    columns, rows = [p[:, x == third].sum() for third in range(3)], [p[y == third].sum() for third in range(3)]
    middle = p[np.ix_(y == 1, x == 1)].sum()
    found = (columns[0], columns[2], rows[0], rows[2], middle)
    return _shares({side: float(share) for side, share in zip(SIDES, found, strict=True)})


def counts(maps: Tensor, there: bool) -> dict[str, float]:
    """In how many pieces the finest of a phrase's maps [len(MAPS), h, w] falls: a vote for each height. "0" has them all
    if it is not there."""
    if not there:
        return {"0": 1.0}
    finest = maps[FINEST]
    pieces = [min(max(number_of_pieces(finest >= height * finest.max()), 1), MOST) for height in HEIGHTS]
    return _shares({str(number): float(votes) for number, votes in Counter(pieces).items()})


def number_of_pieces(mask: Tensor) -> int:
    """The number of pieces of SMALLEST places or more in [h, w] of bool; places touch at sides and corners."""
    import torch

    labels = torch.arange(1, mask.numel() + 1, device=mask.device, dtype=torch.float32).view(mask.shape) * mask
    while True:  # each place takes the largest label around it, until every piece has one
        spread = torch.nn.functional.max_pool2d(labels[None, None], 3, 1, 1)[0, 0] * mask
        if torch.equal(spread, labels):
            break
        labels = spread
    _, sizes = np.unique(labels[mask].cpu().numpy(), return_counts=True)
    return int((sizes >= SMALLEST).sum())


def _shares(found: dict[str, float]) -> dict[str, float]:
    total = sum(found.values()) or 1.0
    return {answer: share / total for answer, share in sorted(found.items(), key=lambda item: -item[1]) if share > 0}
