# SPDX-License-Identifier: Apache-2.0

"""The ability to find boxes around what is named, or shown. Tensors are as core/models/abilities.py says."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.models.abilities import Box, ImageEncoder

if TYPE_CHECKING:
    from torch import Tensor


class Detector(ImageEncoder):
    """Finds boxes around what phrases name (OWL-ViT: Minderer et al., arXiv 2205.06230)."""

    @abstractmethod
    def detect(self, encoding: Mapping[str, Tensor], phrases: Sequence[str]) -> dict[str, Tensor]:
        """{"boxes": [n, 4] as x0, y0, x1, y1 in 0..1 of the picture, "scores": [n, phrases] in 0..1}: all candidates, before any
        threshold and with those that lie over each other; a score of 0 says that the box is no candidate for the phrase.
        Maps of the whole picture that led to it, [phrases or 1, h, w], follow under names that say what they are."""

    @classmethod
    @abstractmethod
    def detect_program(cls, model_id: str) -> str:
        """From `image` (PIL) and `phrases` (str) to `boxes` [n, 4] in 0..1 and `scores` [n, phrases]."""


class ImageGuidedDetector(Detector):
    """Takes objects of other pictures in place of phrases, too."""

    @abstractmethod
    def detect_like(
        self, encoding: Mapping[str, Tensor], examples: Sequence[tuple[Mapping[str, Tensor], Box | None]]
    ) -> dict[str, Tensor]:
        """As `detect`, with one column of scores, for what the examples show: each a picture as `encode_image` gives it, and
        the box (in 0..1) of the object in it, or None for its most prominent one. Several are averaged."""
