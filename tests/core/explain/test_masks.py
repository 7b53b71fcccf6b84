# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from PIL import Image

from core.explain import attribution, masks
from core.mask import Mask
from core.models.abilities import Attribution


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


def test_figures_take_any_label_and_many_prompts():
    picture = Image.new("RGB", (300, 20))
    labels = ["$x^{", "قطة", *map(str, range(10))]
    maps = np.random.default_rng(0).random((12, 5, 7), np.float32)
    for figure in (masks.heat_maps(picture, labels, maps), masks.depths(picture, labels, {"a": maps, "b": maps})):
        figure.canvas.draw()
    assert [axis.get_title() for axis in masks.heat_maps(picture, labels, maps).axes][:2] == ["the picture", r"\$x^{"]


def test_maps_that_survive_shuffling_say_nothing():
    import torch

    maps = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
    found = Attribution(["how", "many", "cats"], maps)
    assert attribution.correlation(found, found) > 0.999
    assert abs(attribution.correlation(found, Attribution(found.words, maps.flip(1, 2)))) < 0.9
    assert attribution.correlation(found, Attribution(found.words, torch.zeros(3, 4, 6))) == 0
    figure = attribution.figure(Image.new("RGB", (30, 20)), found, found)
    figure.canvas.draw()
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:4] == ["all words", "how", "many", "cats"]
    assert titles[4] == "shuffled: all words"
    assert attribution.figure(Image.new("RGB", (30, 20)), Attribution([], maps[:0])) is None
