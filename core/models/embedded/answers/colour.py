# SPDX-License-Identifier: Apache-2.0

"""“What colour is the car?”"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.models.embedded.answers.kind import register, shares
from core.models.embedded.answers.measured import MeasuredKind
from core.models.embedded.questions import Question
from core.models.embedded.segmenter import Encoding

if TYPE_CHECKING:
    from torch import Tensor

# Upper end of hue in degrees, and the word for it. Orange that is dark is brown.
HUES = ((14, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (260, "blue"), (300, "purple"), (342, "pink"), (361, "red"))  # fmt: skip


@register
class Colour(MeasuredKind):
    name = "colour"
    order = 30
    example = "“what colour is the car?”"
    patterns = (
        r"(?:what|which)(?:'s| is)?(?: the)? colou?rs?(?:\s+of)?(?:\s+(?:is|are|does|do|has|have))?\s+(?:the|this|that|an?)?\s*(?P<phrase>.+?)(?:\s+have)?",
    )

    def answer(self, encoding: Encoding, question: Question) -> dict[str, float]:
        return colours(encoding["colours"], self.probabilities(encoding, question))


def colours(pixels: Tensor, probabilities: Tensor) -> dict[str, float]:
    """The colour words of `pixels` [3, h, w] in -1..1, each place counted by its probability [h, w]."""
    rgb = (pixels.permute(1, 2, 0).cpu().numpy() * 128 + 127).clip(0, 255).astype(np.uint8)
    words = colour_words(np.asarray(Image.fromarray(rgb).convert("HSV")).reshape(-1, 3))
    weights = probabilities.cpu().numpy().ravel()
    return shares({str(word): float(weights[words == word].sum()) for word in np.unique(words)})


def colour_words(hsv: NDArray[np.uint8]) -> NDArray[np.str_]:
    """[n, 3] as Pillow gives it, each in 0..255 -> n words."""
    hue, saturation, value = hsv[:, 0] * (360 / 256), hsv[:, 1], hsv[:, 2]
    words = np.array([word for _, word in HUES])[np.searchsorted([end for end, _ in HUES], hue, side="right")]
    words = np.where((words == "orange") & (value < 170), "brown", words)
    grey = np.select([value < 60, value > 190], ["black", "white"], "grey")
    return np.where((saturation < 50) | (value < 45), grey, words)
