# SPDX-License-Identifier: Apache-2.0

"""One row of the data, in a file of its own because listing and watching runs must not wait for torch."""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

from core import images


@dataclass(frozen=True)
class Example:
    """What a set does not have is empty. `mask` is a file: white where `text` is to be seen."""

    image: str  # path of the picture
    text: str = ""
    question: str = ""
    answer: str = ""
    label: str = ""
    mask: str = ""

    def picture(self) -> Image:
        return images.read(self.image).image
