"""What the embedded model's eyes see where: features on grids, and how much each place resembles a phrase.

A place is described as a whole picture is (ASIF's relative representation, `_asif.relative`), so a phrase,
or an example picture, can be compared with every place. Such maps are blurred and find the most telling
part of a thing rather than all of it, so they are spread to places that look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.models.layers.asif import relative

if TYPE_CHECKING:
    from torch import Tensor

SIDES = (224, 320, 448)  # shorter side in pixels; the last one gives the grids that maps are put on
DEPTHS = {"stride 8": 3, "stride 16": 5, "stride 32": 7}  # index into the tower's hidden states
CHANNELS = {"stride 8": 40, "stride 16": 112, "stride 32": 320}
MAPS = (
    *(f"similarity at {side} px" for side in SIDES),
    "mean similarity, relative to its peak",
    "spread to places that look alike",
    "spread, relative to its peak",
    "spread once more, finer, relative to its peak",
    "similarity to anything at all",
    "peak of the mean similarity",
    "similarity of the whole picture",
)


def pixels(image: Image.Image, side: int) -> Tensor:
    """[1, 3, h, w]: the whole picture with this shorter side; sides are multiples of 32, at most 2 : 1."""
    import torch

    scale = side / min(image.size)
    width, height = (round(min(n * scale, 2 * side) / 32) * 32 for n in image.size)
    view = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    return (torch.from_numpy(view.copy()).permute(2, 0, 1)[None] - 127) / 128


def look(tower: Any, anchors: Tensor, image: Image.Image) -> dict[str, Tensor]:
    """The picture's encoding, on the tower's device: `stride N` [channels, h, w]; `places S` [h, w, anchors] with
    S in SIDES, unit norm; `whole` [anchors], the same for the mean of all places; `colours` [3, h, w] in -1..1, on the
    grid of stride 8."""
    import torch
    from torch.nn.functional import avg_pool2d, normalize

    encoding, pooled = {}, []
    for side in SIDES:
        view = pixels(image, side).to(anchors.device)
        seen = tower(view, output_hidden_states=side == SIDES[-1])
        places = seen.last_hidden_state[0].permute(1, 2, 0)
        h, w, _ = places.shape
        encoding[f"places {side}"] = relative(normalize(places.flatten(0, 1), dim=1), anchors).view(h, w, -1)
        pooled.append(normalize(seen.pooler_output[0], dim=0))
    encoding["whole"] = relative(normalize(torch.stack(pooled).mean(0, keepdim=True), dim=1), anchors)[0]
    encoding["colours"] = avg_pool2d(view, 8)[0]
    encoding |= {name: seen.hidden_states[depth][0] for name, depth in DEPTHS.items()}
    return encoding


def phrase_maps(encoding: Mapping[str, Tensor], phrases: Tensor, anything: Tensor) -> Tensor:
    """[n, len(MAPS), h, w] on the grid of stride 16. `phrases` [n, anchors] are relative representations of texts or
    of pictures, `anything` [anchors] the mean of those of all anchors' texts."""
    import torch

    grid = encoding["stride 16"].shape[1:]
    maps = [_resize((encoding[f"places {side}"] @ phrases.T).permute(2, 0, 1), grid) for side in SIDES]
    mean = torch.stack(maps).mean(0)
    coarse = encoding["stride 32"]
    spread = _spread(_resize(mean, coarse.shape[1:]), coarse, power=2, times=2)
    finer = _spread(_resize(spread, grid), encoding["stride 16"], power=4, times=1)
    spread = _resize(spread, grid)
    places = encoding[f"places {SIDES[-1]}"] @ anything
    constant = torch.ones_like(mean)
    channels = [
        *maps,
        to_peak(mean),
        spread,
        to_peak(spread),
        to_peak(finer),
        _resize(places[None], grid).expand_as(mean),
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
