# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.tasks.hiding import filled, hide, without_word, words

CHECKED = Image.fromarray(np.kron(np.indices((12, 20)).sum(0) % 2 * 255, np.ones((5, 5))).astype(np.uint8)).convert(
    "RGB"
)


def test_a_box_hides_what_lies_in_it_and_nothing_else():
    found = np.asarray(hide(CHECKED, [(0.25, 0.5, 0.5, 1)], fill="mean"))
    assert (found[30:, 25:50] == 128).all()
    found = found.copy()
    found[30:, 25:50] = np.asarray(CHECKED)[30:, 25:50]
    np.testing.assert_array_equal(found, np.asarray(CHECKED))


def test_a_brush_hides_by_its_own_grid():
    mask = np.zeros((60, 100), bool)
    mask[:30, 50:] = True
    found = np.asarray(hide(CHECKED, mask=mask, fill="mean"))
    assert (found[:30, 50:] == 128).all()
    np.testing.assert_array_equal(found[30:], np.asarray(CHECKED)[30:])
    coarse = np.asarray(hide(CHECKED, mask=mask[::30, ::50], fill="mean"))
    assert (coarse[:10, 80:] == 128).all()
    np.testing.assert_array_equal(coarse[50:], np.asarray(CHECKED)[50:])


def test_blur_leaves_colours_and_takes_shapes():
    blurred = np.asarray(filled(CHECKED, "blur"), float)
    assert blurred.mean() == pytest.approx(np.asarray(CHECKED).mean(), abs=2)
    assert blurred.std() < 0.1 * np.asarray(CHECKED).std()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"boxes": [(0.5, 0, 0.5, 1)]},
        {"boxes": [(0, 0, 1, 1.1)]},
        {"boxes": [(float("nan"), 0, 1, 1)]},
        {"mask": np.zeros((4, 4))},
        {"mask": np.zeros((4, 4, 3))},
        {"boxes": [(0, 0, 1, 1)], "fill": "pink"},
    ],
)
def test_what_cannot_be_hidden_is_said(settings):
    with pytest.raises(UserError):
        hide(CHECKED, **settings)


def test_words():
    assert words("Is the cat's ball on the T-shirt?") == ["is", "the", "cat's", "ball", "on", "t-shirt"]
    assert words("cat") == words("") == []
    assert without_word("Is the cat on the mat?", "THE") == "Is cat on mat?"
    assert without_word("Is there a dog?", "dog") == "Is there a?"
    assert without_word("catalogue of a cat", "cat") == "catalogue of a"
    with pytest.raises(UserError, match="no word “bird”"):
        without_word("a cat", "bird")
    with pytest.raises(UserError, match="nothing is left"):
        without_word("cat, cat!", "cat")
