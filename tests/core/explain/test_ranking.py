# SPDX-License-Identifier: Apache-2.0

from core.explain import ranking
from core.results import Hit

HITS = [Hit("a.jpg", 0.5, "a boat"), Hit("b.jpg", 0.4, ""), Hit("c.jpg", 0.052, "a $car")]


def test_bars_and_finding():
    drawn = ranking.drawing(HITS)
    (axes,) = drawn.figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.4, 0.052]
    assert [text.get_text() for text in axes.texts[1::2]] == ["1. a boat", "2. b.jpg", "3. a $car"]
    assert drawn.finding == (
        "First of 3 comes “a boat”, cosine similarity with the query 0.50; the second has 0.40, the last 0.052."
    )
    assert ranking.drawing(HITS[1:2], "match", 1).finding == "First of 1 comes “b.jpg”, match 0.40."


def test_nothing_found_is_no_error():
    drawn = ranking.drawing([])
    drawn.figure.canvas.draw()
    assert drawn.finding == "Nothing was found."
