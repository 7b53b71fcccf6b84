# SPDX-License-Identifier: Apache-2.0

"""Answers as HTML: what was typed stays text, and a percentage is shown only where one was measured."""

import pytest
from matplotlib.figure import Figure

from core.explain.drawing import Drawing
from tabs import _shown

EVIL = '<img src=x onerror="alert(1)">&\'"'
ESCAPED = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#x27;&quot;"


@pytest.mark.parametrize(
    "shown",
    [
        _shown.bars([(EVIL, 0.5)], percent=True),
        _shown.bars([("cat", 0.5)], percent=True, headline=EVIL),
        _shown.sentence(EVIL),
        _shown.trust(EVIL),
        _shown.error(EVIL),
    ],
    ids=["bars", "headline", "sentence", "trust", "error"],
)
def test_what_was_typed_stays_text(shown):
    assert ESCAPED in shown
    assert "<img" not in shown


def test_the_finding_of_a_drawing_stays_text():
    shown = _shown.drawings(Drawing(Figure(), EVIL))
    assert f"<figcaption>{ESCAPED}</figcaption>" in shown
    assert "<img" not in shown


def test_percentages_only_where_they_were_calibrated():
    rows = [("cat", 0.826), ("dog", 0.05)]
    calibrated, plain = (_shown.bars(rows, percent) for percent in (True, False))
    assert all(value in calibrated for value in (">83 %<", ">5 %<"))
    assert all(value in plain for value in (">0.83<", ">0.05<"))
    assert "%" not in plain


def test_bars_name_the_best_and_stay_within_their_place():
    shown = _shown.bars([("cat", 1.7), ("dog", -0.2)], percent=False)
    assert shown.startswith('<p class="headline">cat</p>')
    assert all(share in shown for share in ("--share: 1.0000", "--share: 0.0000"))
    assert all(value in shown for value in (">1.70<", ">-0.20<")), "the number itself is told as it is"
    assert shown.count("<li>") == 2
    assert _shown.bars([("cat", 1)], percent=False, headline="probably none").startswith(
        '<p class="headline">probably none</p>'
    )


def test_where_there_is_nothing_nothing_is_shown():
    nothing = [_shown.bars([], percent=True), _shown.trust(), _shown.trust("", ""), _shown.drawings(), _shown.error("")]
    assert nothing == [""] * 5
    assert _shown.drawings(None, None) == ""


def test_drawings_that_there_are_stand_under_one_heading():
    shown = _shown.drawings(None, Drawing(Figure(), "First."), Drawing(Figure(), "Second."))
    assert shown.count("<h3>") == 1
    assert shown.count("<svg") == shown.count("<figure>") == 2
    assert shown.index("First.") < shown.rindex("Second.")


def test_an_error_is_told_to_those_who_cannot_see_it():
    assert 'role="alert"' in _shown.error("No.")


def test_each_trust_is_a_line_of_its_own():
    assert _shown.trust("one", "", "two") == '<p class="trust">one</p><p class="trust">two</p>'
