# SPDX-License-Identifier: Apache-2.0

"""Segmentation on photographs: mean IoU of what is there, and how much is claimed of what is not."""

from __future__ import annotations

import numpy as np
from PIL.Image import Image

from benchmarks.instances import Instance
from core.models.inference import Models
from core.tasks import segmentation

PRESENT, LARGE = 0.02, 0.10  # share of the picture


def measure(
    models: Models, name: str, images: list[Image], pictures: list[list[Instance]], categories: list[str]
) -> dict[str, float]:
    """mIoU over the categories of each picture that cover PRESENT of it, over those that cover LARGE, and the mean area
    claimed for those absent; one threshold for all."""
    ious, coverages, claimed = [], [], []
    for image, instances in zip(images, pictures, strict=True):
        truth: dict[str, np.ndarray] = {}
        for one in instances:
            truth[one.category] = truth.get(one.category, np.zeros_like(one.mask)) | one.mask
        for start in range(0, len(categories), segmentation.MAX_PROMPTS):
            prompts = categories[start : start + segmentation.MAX_PROMPTS]
            found = segmentation.masks(segmentation.segment(models, name, image, prompts))
            for prompt, one in zip(prompts, found, strict=True):
                mask = one.pixels()
                if prompt not in truth:
                    claimed.append(mask.mean())
                elif truth[prompt].mean() >= PRESENT:
                    ious.append((mask & truth[prompt]).sum() / (mask | truth[prompt]).sum())
                    coverages.append(truth[prompt].mean())
    large = np.array(coverages) >= LARGE
    return {
        "mIoU": float(np.mean(ious)),
        "mIoU_large": float(np.array(ious)[large].mean()),
        "absent_area": float(np.mean(claimed)),
    }
