# SPDX-License-Identifier: Apache-2.0

"""The bars of a step are the terms of the rule."""

from dataclasses import replace

import pytest

from core.explain import decoding
from core.results import Step

STEP = Step(
    candidates=["a", "cat", ""],
    probabilities=[0.6, 0.3, 0.1],
    recalled=[0.2, 0, 0.1],
    penalties=[0.5, -0.2, 0.1],
    similarities=[0.1, 0.4, 0.2],
    shares=[0.2, 0.7, 0.1],
    scores=[0.75, 1.44, 0.19],
    chosen=1,
    alone="a",
    alone_probability=0.5,
)


def test_terms_add_up_to_the_scores():
    terms = decoding.terms(STEP, alpha=0.5, beta=2)
    assert terms["language model"] == pytest.approx([0.2, 0.15, 0])
    assert terms["recalled captions"] == pytest.approx([0.1, 0, 0.05])
    assert terms["repetition"] == pytest.approx([-0.25, 0.1, -0.05])
    assert terms["picture"] == pytest.approx([0.4, 1.4, 0.2])


def test_the_winner_comes_first_and_is_marked():
    drawn = decoding.drawing(STEP, 0.1, 2, "the $quick{")
    drawn.figure.canvas.draw()
    (axes,) = drawn.figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["cat ◀", "a*", "(end)"]
    listed = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert listed == ["language model", "recalled captions", "picture", "repetition"]
    assert [bar.get_width() for bar in axes.containers[2]] == pytest.approx([1.4, 0.4, 0.2])
    assert [text.get_text() for text in drawn.figure.texts] == [
        "after “the $quick{”",
        "* the language model alone: “a”, 50 %",
    ]
    assert drawn.finding == (
        "“cat” was chosen with the score 1.44: language model 0.27, recalled captions 0, picture 1.40 and repetition 0.020. "
        "The language model alone would have said “a”, 50 %."
    )


def test_nothing_recalled_is_not_shown():
    drawn = decoding.drawing(replace(STEP, recalled=[0, 0, 0]), 0.1, 2, "")
    listed = [text.get_text() for text in drawn.figure.legends[0].get_texts()]
    assert listed == ["language model", "picture", "repetition"]
