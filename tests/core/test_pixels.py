# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from PIL import Image

from core import images, pixels
from tests.core.test_images import encode


@pytest.mark.parametrize(("mode", "file_format"), [("CMYK", "JPEG"), ("LA", "PNG"), ("P", "PNG"), ("L", "BMP"), ("1", "PNG"), ("RGBA", "WEBP")])  # fmt: skip
def test_every_mode_becomes_rgb_of_like_brightness(mode, file_format):
    grey = Image.new("RGB", (32, 32), (200, 200, 200))
    read = images.read(encode(grey.convert(mode), file_format)).image
    assert read.mode == "RGB"
    assert np.asarray(read).mean() == pytest.approx(200, abs=60 if mode == "1" else 6)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    read = np.asarray(images.read(encode(Image.fromarray(ramp), "PNG")).image)[..., 0].ravel()
    assert read[32] == pytest.approx(129, abs=2)
    assert read[-1] == 255


def test_what_is_transparent_becomes_white():
    hidden = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert np.asarray(images.read(encode(hidden, "PNG")).image).min() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_strips_of_other_modes_fit_together(mode, monkeypatch):
    monkeypatch.setattr(images, "KEPT_PIXELS", 100 * 100)
    monkeypatch.setattr(pixels, "STRIP_PIXELS", 700)
    if mode == "I;16":
        ramp = np.linspace(0, 65535, 601 * 401).reshape(401, 601)
        large, expected = Image.fromarray(ramp.astype(np.uint16)), ramp / 257
    else:
        shape = Image.linear_gradient("L").resize((601, 401))
        large = Image.new(mode, (601, 401), "black")
        large.putalpha(shape)
        expected = 255 - np.asarray(shape, float)
    small = images.read(encode(large, "PNG")).image
    assert small.size == (122, 81)
    wanted = np.asarray(Image.fromarray(expected.astype(np.float32)).resize(small.size, Image.Resampling.BOX))
    assert np.abs(np.asarray(small, float)[..., 0] - wanted).max() < 8
