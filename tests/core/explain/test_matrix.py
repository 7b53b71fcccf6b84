# SPDX-License-Identifier: Apache-2.0

import re

import numpy as np
import pytest

from core.explain import matrix
from core.results import Classification


def result(pictures, labels, scoring="softmax"):
    values = np.random.default_rng(1).random((pictures, labels)).tolist()
    return Classification([f"label {i}" for i in range(labels)], values, values, values, scoring, False)


def written(axes):
    return [float(text.get_text()) for text in axes.texts]


def test_every_score_is_written_and_the_best_labels_come_first():
    found = Classification(["a", "b"], *[[[0.1, 0.9], [0.3, 0.2], [0, 0.8]]] * 3, "softmax", False)
    drawn = matrix.drawing(found, ["one.jpg", "two.jpg", "three.jpg"])
    (axes,) = drawn.figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["b", "a"]
    assert written(axes) == [0.9, 0.1, 0.2, 0.3, 0.8, 0]
    assert drawn.finding == (
        "By softmax, the best label of 3 pictures: “b” for 2 and “a” for 1. The highest value is 0.90, “b” for one.jpg."
    )
    assert matrix.drawing(found, ["x"] * 3, before=True).finding.startswith("By cosine similarity, ")


def test_many_labels_are_in_blocks_that_a_telephone_shows():
    drawn = matrix.drawing(result(3, 10), ["a", "b", "c"])
    assert [len(axes.get_xticklabels()) for axes in drawn.figure.axes] == [5, 5]
    assert sorted(value for axes in drawn.figure.axes for value in written(axes)) == sorted(
        round(value, 2) for row in result(3, 10).scores for value in row
    )


@pytest.mark.slow
def test_more_than_can_be_drawn_is_said():
    drawn = matrix.drawing(result(40, 30), ["a"] * 40)
    assert drawn.finding.endswith("Of 40 pictures and 30 labels 24 and 12 are drawn.")
    assert len(drawn.svg()) < 250_000


def test_figures_are_dark_on_light_cells_on_any_page():
    svg = matrix.drawing(result(2, 6), ["$a", "<b>"]).svg()
    fills = re.findall(r'<text style="[^"]*fill: (#\w+)', svg)
    assert len(fills) == 12
    assert set(fills) == {"#111111", "#ffffff"}
