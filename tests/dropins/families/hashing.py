# SPDX-License-Identifier: Apache-2.0

"""A model family in one file, as a newcomer would add it: words and mean colours, hashed into one space."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL.Image import Image

from core.models.abilities import DualEncoder, Scale
from core.models.family import Family, Spec, register
from core.models.loading import unit

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Hashing(DualEncoder):
    nbytes = 0

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> Hashing:
        return cls()

    @classmethod
    def program(cls, model_id: str) -> str:
        return "scale, bias = 1.0, 0.0"

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        import torch

        return unit(torch.tensor(np.array([np.asarray(image).mean((0, 1)) for image in images])))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        import torch

        return unit(torch.tensor([[zlib.crc32(f"{text}{n}".encode()) for n in range(3)] for text in texts]))

    def scale(self) -> Scale:
        return Scale(1.0)


register(
    Family(
        name="hashing",
        adapter=Hashing,
        specs=(Spec("hashing", "Apache-2.0", 1, "none, arXiv none"),),
        path=lambda: Path(__file__),
    )
)
