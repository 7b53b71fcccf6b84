# SPDX-License-Identifier: Apache-2.0

"""Where the embedded vision tower finds what: features on grids, and how much each place resembles a phrase.

A place is described as a whole picture is (ASIF's relative representation, `asif.relative`), so a phrase, or an example
picture, can be compared with every place. Such maps are blurred and find the most telling part of an object rather than
all of it, so they are spread to places that look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.models.layers.asif import relative
from core.models.layers.towers import pixel_tensor

if TYPE_CHECKING:
    from torch import Tensor

INPUT_SIZES = (224, 320, 448)  # shorter side in pixels; the last one gives the grids that maps are put on
DEPTHS = {"stride 8": 3, "stride 16": 5, "stride 32": 7}  # index into the tower's hidden states
CHANNELS = {"stride 8": 40, "stride 16": 112, "stride 32": 320}
MAPS = (
    *(f"similarity at {size} px" for size in INPUT_SIZES),
    "mean similarity, relative to its peak",
    "spread to places that look alike",
    "spread, relative to its peak",
    "spread once more, finer, relative to its peak",
    "similarity to the mean anchor",
    "peak of the mean similarity",
    "similarity of the whole picture",
)


def pixels(image: Image.Image, shorter: int) -> Tensor:
    """[1, 3, h, w] in -1..1: the whole picture with this shorter side; sides are multiples of 32, at most 2 : 1."""
    scale = shorter / min(image.size)
    width, height = (round(min(n * scale, 2 * shorter) / 32) * 32 for n in image.size)
    return pixel_tensor(image.resize((width, height), Image.Resampling.BICUBIC))


def encode(tower: Any, anchors: Tensor, image: Image.Image) -> dict[str, Tensor]:
    """The picture's encoding, on the tower's device: `stride N` [channels, h, w]; `places S` [h, w, anchors] with
    S in INPUT_SIZES, unit norm; `whole` [anchors], the same for the mean of all places; `colours` [3, h, w] in -1..1, on
    the grid of stride 8. `anchors` are [anchors, 1280], unit norm."""
    import torch
    from torch.nn.functional import avg_pool2d, normalize

    encoding, pooled = {}, []
    for size in INPUT_SIZES:
        view = pixels(image, size).to(anchors.device)
        outputs = tower(view, output_hidden_states=size == INPUT_SIZES[-1])
        places = outputs.last_hidden_state[0].permute(1, 2, 0)
        h, w, _ = places.shape
        encoding[f"places {size}"] = relative(normalize(places.flatten(0, 1), dim=1), anchors).view(h, w, -1)
        pooled.append(normalize(outputs.pooler_output[0], dim=0))
    encoding["whole"] = relative(normalize(torch.stack(pooled).mean(0, keepdim=True), dim=1), anchors)[0]
    encoding["colours"] = avg_pool2d(view, 8)[0]
    encoding |= {name: outputs.hidden_states[depth][0] for name, depth in DEPTHS.items()}
    return encoding


def phrase_maps(encoding: Mapping[str, Tensor], phrases: Tensor, mean_anchor: Tensor) -> Tensor:
    """[n, len(MAPS), h, w] on the grid of stride 16. `phrases` [n, anchors] are relative representations of texts or
    of pictures, `mean_anchor` [anchors] the mean of those of all anchors' texts."""
    import torch

    grid = encoding["stride 16"].shape[1:]
    maps = [_resize((encoding[f"places {size}"] @ phrases.T).permute(2, 0, 1), grid) for size in INPUT_SIZES]
    mean = torch.stack(maps).mean(0)
    coarse = encoding["stride 32"]
    spread = _spread(_resize(mean, coarse.shape[1:]), coarse, power=2, times=2)
    finer = _spread(_resize(spread, grid), encoding["stride 16"], power=4, times=1)
    spread = _resize(spread, grid)
    unspecific = encoding[f"places {INPUT_SIZES[-1]}"] @ mean_anchor
    constant = torch.ones_like(mean)
    channels = [
        *maps,
        to_peak(mean),
        spread,
        to_peak(spread),
        to_peak(finer),
        _resize(unspecific[None], grid).expand_as(mean),
        constant * mean.amax((1, 2), keepdim=True),
        constant * (phrases @ encoding["whole"])[:, None, None],
    ]
    return torch.stack(channels, dim=1)


def to_peak(maps: Tensor) -> Tensor:
    """[n, h, w], each divided by its largest value."""
    return maps / maps.amax((1, 2), keepdim=True).clamp_min(1e-6)


def _spread(maps: Tensor, features: Tensor, power: float, times: int) -> Tensor:
    """A random walk between places whose centred features have a positive cosine, `times` steps."""
    from torch.nn.functional import normalize

    places = features.flatten(1).T
    places = normalize(places - places.mean(0), dim=1)
    alike = (places @ places.T).clamp_min(0) ** power
    alike = alike / alike.sum(1, keepdim=True).clamp_min(1e-6)
    flat = maps.flatten(1)
    for _ in range(times):
        flat = flat @ alike.T
    return flat.view_as(maps)


def _resize(maps: Tensor, size: Any) -> Tensor:
    """[n, h, w] -> [n, *size]"""
    from torch.nn.functional import interpolate

    return interpolate(maps[None], size=tuple(size), mode="bilinear", align_corners=False)[0]
