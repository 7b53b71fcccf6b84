# SPDX-License-Identifier: Apache-2.0

"""Methods share an axis; what each weighed has one of its own."""

from core.explain import alternatives
from core.results import Captioned

FOUND = [
    Captioned(0, "ASIF", {"a cat": 0.18, "a tabby": 0.17}, 0.54, True),
    Captioned(0, "MaGiC", {"a cat on a bed": 0.636}, 0.636, True),
    Captioned(0, "the language model, no picture", {"a man": 0.052}, 0.052, True),
    Captioned(0, "org/model", {"kitten": 0.9, "cat": 0.05}, 0.6, True),
]


def test_one_axis_for_the_similarity_of_all():
    drawn = alternatives.drawing(FOUND)
    shared, asif, model = drawn.figure.axes
    *whole, first, second, third, fourth = shared.patches
    assert {bar.get_width() for bar in whole} == {1}
    assert [bar.get_width() for bar in (first, second, third, fourth)] == [0.54, 0.636, 0.052, 0.6]
    drawn.figure.canvas.draw()
    assert third.get_window_extent().width < second.get_window_extent().width / 10
    assert [bar.get_width() for bar in asif.patches[2:]] == [0.18, 0.17]
    assert [bar.get_width() for bar in model.patches[2:]] == [0.9, 0.05]
    headings = " ".join(text.get_text() for text in drawn.figure.texts)
    assert "similarity of picture and caption by the built-in model, 0 to 1" in headings
    assert "ASIF: how far the best captions of the bank agree with each, 0 to 1" in headings
    assert "org/model: its own confidence in each, 0 to 1" in headings


def test_the_finding():
    assert alternatives.drawing(FOUND).finding == (
        "Of 4 methods, the caption by MaGiC is the most similar to the picture by the built-in model: "
        "“a cat on a bed”, 0.64; then org/model 0.60, ASIF 0.54, the language model, no picture 0.052."
    )
    assert alternatives.drawing(FOUND[:1]).finding == "ASIF wrote “a cat”, similarity with the picture 0.54."
    assert alternatives.drawing([]) is None
