# SPDX-License-Identifier: Apache-2.0

"""The instances of a COCO-shaped folder: whose, where and how much of the picture."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Instance:
    """`coverage` is the share of the picture, 0..1."""

    category: str
    group: str  # COCO's supercategory: animal, vehicle, food ...
    mask: np.ndarray  # [height, width] of bool
    crowd: bool

    @property
    def coverage(self) -> float:
        return float(self.mask.mean())


def read_instances(folder: Path) -> list[list[Instance]]:
    """For each picture, in the order of instances.json, its instances."""
    data = json.loads((folder / "instances.json").read_text())
    categories = {row["id"]: row for row in data["categories"]}
    of_image = defaultdict(list)
    for row in data["annotations"]:
        of_image[row["image_id"]].append(row)
    pictures = []
    for image in data["images"]:
        size = image["height"], image["width"]
        pictures.append(
            [
                Instance(
                    categories[row["category_id"]]["name"],
                    categories[row["category_id"]].get("supercategory", ""),
                    to_mask(row["segmentation"], *size),
                    bool(row.get("iscrowd")),
                )
                for row in of_image[image["id"]]
            ]
        )
    return pictures


def to_mask(segmentation: list | dict, height: int, width: int) -> np.ndarray:
    """[height, width] of bool from COCO's polygons or run lengths, compressed or not."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        runs = _decompressed(counts) if isinstance(counts, str) else counts
        values = np.arange(len(runs)) % 2 == 1
        return np.repeat(values, runs).reshape(width, height).T
    canvas = Image.new("1", (width, height))
    for polygon in segmentation:
        ImageDraw.Draw(canvas).polygon(list(zip(polygon[::2], polygon[1::2], strict=True)), fill=1)
    return np.asarray(canvas)


def _decompressed(text: str) -> list[int]:
    """COCO's string of run lengths: 5 bits a character, low ones first, each from the third on relative to the one
    two before it."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs
