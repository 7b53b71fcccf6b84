# SPDX-License-Identifier: Apache-2.0

import io

import numpy as np
from PIL import Image

from core.mask import Mask


def test_it_is_what_it_was_made_of():
    pixels = np.random.default_rng(0).random((31, 47)) > 0.7
    for own in (pixels, np.asfortranarray(pixels), np.zeros((31, 47), bool), np.ones((31, 47), bool)):
        mask = Mask.of("a cat", own)
        assert mask.size == (47, 31)
        assert (mask.pixels() == own).all()
        assert mask.area == own.sum()
        assert mask.coverage == own.mean()
        assert (np.asarray(Image.open(io.BytesIO(mask.png()))) == own).all()


def test_its_row():
    pixels = np.zeros((4, 8), bool)
    assert Mask.of("a dog", pixels).row() == {"label": "a dog", "coverage": 0.0, "box": None}
    pixels[1:3, 2:7] = True
    assert Mask.of("a cat", pixels).row() == {"label": "a cat", "coverage": 10 / 32, "box": [2, 1, 7, 3]}


def test_it_is_small():
    pixels = np.zeros((3000, 4000), bool)
    pixels[500:2500, 500:3500] = True
    assert len(Mask.of("", pixels).counts) < 20_000
