# SPDX-License-Identifier: Apache-2.0

"""Segmentation on photographs: mean IoU of what is there, and how much is claimed of what is not."""

from __future__ import annotations

import numpy as np
from PIL import Image as PILImage
from PIL.Image import Image

from benchmarks.instances import Instance
from core.measured import Measured, measure
from core.models.inference import Models
from core.tasks import segmentation

PRESENT, LARGE = 0.02, 0.10  # share of the picture
BINS = 10


def figures(
    models: Models, name: str, images: list[Image], pictures: list[list[Instance]], categories: list[str]
) -> dict[str, Measured | float]:
    """mIoU over the categories of each picture that cover PRESENT of it, over those that cover LARGE, and the mean area
    claimed for those absent; one threshold for all. `anyway` is the same where also
    what is probably absent is painted. ECE of a pixel's probability, over all pixels of all prompts."""
    found: dict[str, list[tuple[int, float]]] = {}
    bins = np.zeros((3, BINS))  # pixels, their probabilities, those that are right
    for number, (image, instances) in enumerate(zip(images, pictures, strict=True)):
        truth: dict[str, np.ndarray] = {}
        for one in instances:
            truth[one.category] = truth.get(one.category, np.zeros_like(one.mask)) | one.mask
        for start in range(0, len(categories), segmentation.MAX_PROMPTS):
            prompts = categories[start : start + segmentation.MAX_PROMPTS]
            result = segmentation.segment(models, name, image, prompts)
            for suffix, anyway in (("", False), (" anyway", True)):
                for prompt, mask in zip(prompts, segmentation.masks(result, anyway=anyway), strict=True):
                    for key, value in _judged(mask.pixels(), truth.get(prompt)).items():
                        found.setdefault(key + suffix, []).append((number, value))
            for prompt, map_ in zip(prompts, segmentation.shown(result), strict=True):
                bins += _binned(map_, truth.get(prompt))
    measured: dict[str, Measured | float] = {
        key: measure([value for _, value in some], [number for number, _ in some]) for key, some in found.items()
    }
    pixels, stated, right = bins
    return measured | {"ECE": float(np.abs(stated - right).sum() / pixels.sum())}


def _judged(mask: np.ndarray, truth: np.ndarray | None) -> dict[str, float]:
    if truth is None:
        return {"absent_area": float(mask.mean())}
    if truth.mean() < PRESENT:
        return {}
    iou = float((mask & truth).sum() / (mask | truth).sum())
    return {"mIoU": iou, "mIoU_large": iou} if truth.mean() >= LARGE else {"mIoU": iou}


def _binned(map_: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    """[3, BINS] of the pixels of a map: how many, the sum of their probabilities, how many are on the object; what the map says
    of a place is held against the share of it that the object covers."""
    height, width = map_.shape
    covered = np.zeros(map_.shape)
    if truth is not None:
        small = PILImage.fromarray(truth.astype(np.uint8) * 255).resize((width, height), PILImage.Resampling.BOX)
        covered = np.asarray(small) / 255
    stated = map_.ravel().clip(0, 1)
    which = np.minimum((stated * BINS).astype(int), BINS - 1)
    values = (np.ones(stated.size), stated, covered.ravel())
    return np.stack([np.bincount(which, value, BINS) / stated.size for value in values])
