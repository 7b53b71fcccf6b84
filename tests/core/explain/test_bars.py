# SPDX-License-Identifier: Apache-2.0

import pytest

from core.explain._bars import Panel, bar_figure
from core.explain._style import BLUE, WIDTH


def shown(axes):
    return [text.get_text() for text in axes.texts]


def test_names_values_and_bars_agree():
    figure = bar_figure([Panel("heading", ["one", "two"], [0.5, 0.052], BLUE)])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.052]
    assert shown(axes) == ["0.50", "one", "0.052", "two"]
    assert figure.texts[0].get_text() == "heading"
    assert figure.get_figwidth() == WIDTH


def test_a_limit_is_the_whole_axis_for_small_values_too():
    small, large = (bar_figure([Panel("", ["a"], [value], BLUE, 1)]).axes[0] for value in (0.05, 0.6))
    assert small.get_xlim() == large.get_xlim()
    assert [bar.get_width() for bar in small.patches] == [1, 0.05]  # the whole, and the bar in it


@pytest.mark.parametrize("lines", [1, 2])
def test_long_names_stand_above_their_bars_and_nothing_overlaps(lines):
    names = [f"{i} a long name of many words that does not fit into any one line of a drawing" for i in range(4)]
    figure = bar_figure([Panel("one", names, [1, 2, 3, 4], BLUE, lines=lines), Panel("two", ["x"], [1], BLUE)])
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in axes.texts] + figure.texts
    boxes = [text.get_window_extent() for text in texts] + [bar.get_window_extent() for bar in figure.axes[0].patches]
    across, up = figure.bbox.width, figure.bbox.height
    for place, box in enumerate(boxes):
        assert box.x0 >= -1 and box.x1 <= across + 1 and box.y0 >= -1 and box.y1 <= up + 1  # noqa: PT018
        assert not [other for other in boxes[:place] if box.padded(-1).overlaps(other.padded(-1))]


def test_negative_zero_and_no_values():
    for values in ([-3.0, -1.0], [0.0, 0.0], [-1.0, 2.0], []):
        figure = bar_figure([Panel("t", ["a", "b"][: len(values)], values, BLUE)])
        figure.canvas.draw()
        low, high = figure.axes[0].get_xlim()
        assert all(low <= value < high for value in values)
