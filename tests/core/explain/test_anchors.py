# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from core.explain import anchors

NAMES = ["tabby", "Persian cat", "tiger", "sofa", "car", "lamp"]
PICTURE, TEXT = np.float32([0.6, 0.3, 0.2, 0.5, 0, 0.1]), np.float32([0.5, 0.4, 0.3, 0.1, 0.6, 0.2])


def test_the_finding_is_the_sum():
    assert anchors.drawing(PICTURE, TEXT, NAMES, "cat").finding == (
        "The similarity 0.55 of the picture and “cat” is a sum over anchors: "
        "tabby 0.30, Persian cat 0.12, tiger 0.060, and 2 smaller ones, together 0.070."
    )
    nothing = anchors.drawing(PICTURE * 0, TEXT, NAMES, "cat")
    assert nothing.finding == "The similarity is 0: no anchor resembles both the picture and “cat”."
    nothing.figure.canvas.draw()


def test_the_bars_of_the_products_are_the_whole_similarity():
    products, picture, text = anchors.drawing(PICTURE, TEXT, NAMES, "cat", top=2).figure.axes
    assert [bar.get_width() for bar in products.patches] == pytest.approx([0.3, 0.12, 0.13])
    assert products.texts[-1].get_text() == "3 smaller ones"
    assert [bar.get_width() for bar in picture.patches] == pytest.approx([0.6, 0.5])
    assert [one.get_text() for one in text.texts[1::2]] == ["car", "tabby"]
