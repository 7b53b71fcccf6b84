# SPDX-License-Identifier: Apache-2.0

"""Segmentation by words: the mask decoder that ships is fine-tuned on pictures and masks of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from core import images
from core.models.layers.dense_features import CHANNELS, INPUT_SIZES
from core.models.layers.mask_decoder import MapDecoder, load_mask_decoder
from core.training import register
from core.training.losses import mask_losses
from core.training.objective import Batch, Config, Example, Learner, Objective, option

INPUT_SIDE = INPUT_SIZES[-1]  # pixels; pictures are made square, so that a batch of them is one tensor
MASK_GRID = INPUT_SIDE // 8  # places to a side at stride 8, at which masks are predicted
STRIDE_16_WEIGHT = 0.4  # weight of the loss at stride 16


@dataclass(frozen=True)
class MasksConfig(Config):
    batch: int = option(8, "masks in each step", 2, 1024)
    learning_rate: float = option(1e-4, "how far each step changes the weights", 1e-7, 1.0)


@register
class Masks(Objective):
    name = "masks"
    title = "Segmentation by words (CLIPSeg)"
    order = 70
    needs = ("image", "text", "mask")
    phrases = True  # prompts name one object, so captions of several objects would be another task
    metric = "mean IoU"
    Config = MasksConfig
    about = r"""**Learned:** the shipped decoder, which turns a phrase's similarity maps into a mask. **Frozen:** both towers, and
with them the similarity maps. **Loss** over n masks $m$ of p pixels with probabilities $q=\sigma(z)$, at stride 8 and, times
0.4, at stride 16: binary cross-entropy $-\frac{1}{np}\sum m\log q+(1-m)\log(1-q)$ plus dice
$\frac{1}{n}\sum_i 1-\frac{2\sum m q+1}{\sum m+\sum q+1}$ over the masks that are not empty. **Papers:**
[CLIPSeg](https://arxiv.org/abs/2112.10003), [V-Net](https://arxiv.org/abs/1606.04797) for the dice loss."""

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`stride N` [n, channels, h, w], the vision tower's features at each of its depths; `maps` [n, len(MAPS), 28, 28], the
        phrase's similarity maps; `masks` [n, MASK_GRID, MASK_GRID] in 0..1. All in float16."""
        rows = [self._row(example) for example in examples]
        return {name: torch.stack([row[name] for row in rows]).half() for name in rows[0]}

    def learner(self, train: Batch) -> MaskLearner:
        return MaskLearner(load_mask_decoder())

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """`mean IoU` in 0..1, intersection over union at a probability of 0.5, over the masks that are not empty; {} without any."""
        iou, _ = iou_and_area(learner, rows)
        return {} if iou.isnan().all() else {"mean IoU": float(iou.nanmean())}

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The share of the picture that each mask covers, and its IoU, in words."""
        iou, area = iou_and_area(learner, rows)
        return [
            f"{example.text}: covers {share:.0%}, IoU {value:.2f}"
            for example, value, share in zip(examples, iou.tolist(), area.tolist(), strict=True)
        ]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, MaskLearner)
        learner.decoder.save_pretrained(folder)

    def _row(self, example: Example) -> dict[str, Tensor]:
        encoding = self.models.encode(
            self.base, example.picture().resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.BICUBIC)
        )
        maps = self.models.call(self.base, "prompt_maps", encoding, [example.text])[0]
        mask = images.read(example.mask).image.convert("L").resize((MASK_GRID, MASK_GRID), Image.Resampling.BOX)
        row = {name: encoding[name] for name in CHANNELS}
        return row | {"maps": maps, "masks": torch.from_numpy(np.asarray(mask, np.float32) / 255)}


class MaskLearner(Learner):
    """Binary cross-entropy plus dice (see `mask_losses`) at stride 8, and at stride 16 times STRIDE_16_WEIGHT."""

    def __init__(self, decoder: MapDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        here = {name: value.to(self.decoder.device).float() for name, value in batch.items()}
        found: dict[str, Tensor] = self.decoder({name: here[name] for name in CHANNELS}, here["maps"])
        return found

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        masks = batch["masks"].to(self.decoder.device).float()
        cross, dice = mask_losses(outputs["logits"], masks)
        coarse = mask_losses(outputs["stride 16"], avg_pool2d(masks, 2))
        return {"loss": cross + dice + STRIDE_16_WEIGHT * (coarse[0] + coarse[1]), "cross-entropy": cross, "dice": dice}


def iou_and_area(learner: Learner, rows: Batch) -> tuple[Tensor, Tensor]:
    """[n] each: the intersection over union in 0..1, NaN where the true mask is empty, and the share in 0..1 of the picture that the
    predicted mask covers."""
    found = learner.outputs_of_many(rows)["logits"] > 0
    truth = rows["masks"].cpu() > 0.5
    both, either = (part.flatten(1).sum(1).float() for part in (found & truth, found | truth))
    iou = torch.where(truth.flatten(1).any(1), both / either, torch.nan)
    return iou, found.flatten(1).float().mean(1)
