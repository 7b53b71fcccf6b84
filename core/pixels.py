# SPDX-License-Identifier: Apache-2.0

"""Decoded pixels of any mode as an upright RGB image, scaled down."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

STRIP_PIXELS = 2**20  # that are converted at once


def upright_rgb(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """The image upright by its EXIF orientation, RGB, 8 bits a channel. `target` is its (width, height) in pixels before it
    is turned, at most its own. A large one is converted and averaged strip by strip, so that no second full-size copy is
    made."""
    width, height = image.size
    factor = max(1, min(width // target[0], height // target[1]))
    white = _white_level(image)
    if factor == 1:
        small = _to_rgb(image, white)
    else:
        small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
        rows = factor * max(1, STRIP_PIXELS // (width * factor))
        for top in range(0, height, rows):
            strip = image.crop((0, top, width, min(top + rows, height)))
            small.paste(_to_rgb(strip, white).reduce(factor), (0, top // factor))
    small.info = image.info
    if small.size != target:
        small = small.resize(target, Image.Resampling.HAMMING)  # as good as bicubic downwards, and three times faster
    return ImageOps.exif_transpose(small)


def _white_level(image: Image.Image) -> float:
    """The value that becomes 255, for modes of one number a pixel of more than eight bits."""
    if image.mode == "F":
        extrema = image.getextrema()
        return max(float(extrema[1]), 1.0)  # type: ignore[arg-type]
    return 65535.0


def _to_rgb(image: Image.Image, white: float) -> Image.Image:
    """RGB; transparency over white, because a cut-out's hidden pixels are often black or worse."""
    if image.mode.startswith("I") or image.mode == "F":  # Pillow's own conversion of 16-bit grey clips at 255
        values = np.asarray(image, dtype=np.float32)
        return Image.fromarray((values.clip(0, white) * (255 / white)).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
