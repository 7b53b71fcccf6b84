# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from PIL import Image

from core.explain import masks
from core.mask import Mask


def test_masks_are_painted_in_their_colours():
    picture = Image.new("RGB", (60, 40), "grey")
    found = np.zeros((2, 40, 60), bool)
    found[0, 5:35, 5:25] = True
    found[1, 5:35, 35:55] = True
    painted = np.asarray(masks.overlay(picture, [Mask.of("", one) for one in found])).astype(int)
    assert painted.shape == (40, 60, 3)
    assert tuple(painted[38, 30]) == (128, 128, 128)  # nothing there
    for number, x in ((0, 15), (1, 45)):
        expected = 128 + masks.OPACITY * (np.array(masks.colour(number)) - 128)
        assert np.abs(painted[20, x] - expected).max() <= 1
    assert tuple(painted[20, 5]) == masks.colour(0)  # the outline
    assert len({colour for _, colour in masks.legend(list("abcdefgh"))}) == 8


@pytest.mark.slow
def test_a_large_picture_is_shown_smaller():
    picture = Image.new("RGB", (4000, 2000))
    assert masks.overlay(picture, [Mask.of("", np.ones((2000, 4000), bool))]).size == (1600, 800)


def shown(drawn):
    return " ".join(text.get_text() for text in drawn.figure.texts).replace("\n", " ")


@pytest.mark.slow
def test_drawings_take_any_label_and_many_prompts():
    picture = Image.new("RGB", (300, 20))
    labels = ["$x^{", "قطة", *map(str, range(10))]
    maps = np.random.default_rng(0).random((12, 5, 7), np.float32)
    heat, depths = masks.heat_maps(picture, labels, maps), masks.depths(picture, labels, {"a": maps, "b": maps})
    assert shown(heat).startswith("the picture $x^{ قطة 0 1 2")
    assert len(heat.figure.axes) == 1 + 12 + 1  # and the scale
    assert shown(depths).startswith("$x^{: a $x^{: b قطة: a")
    for drawn in (heat, depths):
        assert len(drawn.svg()) < 250_000
    assert masks.depths(picture, labels, {}) is None


def test_findings_say_what_was_computed():
    maps = np.zeros((2, 6, 6), np.float32)
    maps[0, :3, :2] = 0.6
    maps[0, 0, 0], maps[1, 5, 5] = 0.93, 0.2
    assert masks.heat_maps(Image.new("RGB", (30, 20)), ["cat", "dog"], maps).finding == (
        "“cat”: highest probability 0.93, in the upper left; 17 % of the picture reaches 0.5. "
        "“dog”: highest probability 0.20, in the lower right; nowhere reaches 0.5."
    )
    depths = {"first": maps, "last": np.roll(maps, 2, 2) * [[[1]], [[0]]] + np.float32([[[0]], [[1]]]) * maps}
    assert masks.depths(Image.new("RGB", (30, 20)), ["cat", "dog"], depths).finding == (
        "From the first map that led to its mask to the last, the highest place "
        "of “cat” goes from the upper left to the top middle; of “dog” stays in the lower right."
    )
