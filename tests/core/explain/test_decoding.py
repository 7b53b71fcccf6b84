"""The bars of a step are the terms of the rule."""

import pytest

from core.explain import decoding
from core.results import Step

STEP = Step(
    ["a", "cat", ""], [0.6, 0.3, 0.1], [0.5, -0.2, 0.1], [0.1, 0.4, 0.2], [0.2, 0.7, 0.1], [0.75, 1.44, 0.19], 1
)


def test_terms_add_up_to_the_scores():
    language, penalty, picture = decoding.terms(STEP, alpha=0.5, beta=2)
    assert language == pytest.approx([0.3, 0.15, 0.05])
    assert penalty == pytest.approx([-0.25, 0.1, -0.05])
    assert picture == pytest.approx([0.4, 1.4, 0.2])


def test_the_winner_comes_first_and_is_marked():
    figure = decoding.figure(STEP, 0.1, 2, "the $quick{")
    figure.canvas.draw()
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["cat ◀", "a (the language model's choice)", "(end)"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["language model", "picture", "repetition"]
    widths = [bar.get_width() for bar in axes.containers[1]]
    assert widths == pytest.approx([1.4, 0.4, 0.2])
