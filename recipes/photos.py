# SPDX-License-Identifier: Apache-2.0

"""Photographs for training: the demo gallery, with the nouns that were listed for each by eye."""

from __future__ import annotations

import csv

import numpy as np
from PIL import Image

from core.assets import GALLERY_FOLDER
from recipes.scenes import SIDE, is_apart

PROMPTS = 4


class Photos:
    """Picture i at SIDE x SIDE, and PROMPTS nouns: up to half of them seen in it, the others not."""

    def __init__(self, apart: bool = False) -> None:
        with open(GALLERY_FOLDER / "objects.csv", newline="") as table:
            rows = [
                (row["file"], [noun for noun in row["objects"].split(";") if noun]) for row in csv.DictReader(table)
            ]
        self.nouns = sorted({noun for _, nouns in rows for noun in nouns})
        self.rows = [(file, nouns) for file, nouns in rows if nouns and is_apart(file) == apart]

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, row: int) -> Image.Image:
        with Image.open(GALLERY_FOLDER / "pictures" / self.rows[row][0]) as file:
            return file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)

    def phrases(self, row: int) -> list[tuple[str, bool]]:
        """(noun, is it there?)"""
        rng, (_, here) = np.random.default_rng(row), self.rows[row]
        there = [(str(noun), True) for noun in rng.permutation(here)][: PROMPTS // 2]
        absent = [noun for noun in self.nouns if noun not in here]
        return there + [(str(noun), False) for noun in rng.choice(absent, PROMPTS - len(there), replace=False)]
