# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from core.explain._words import listed, ninth, number, peak, percent, quoted


def test_numbers_have_digits_that_say_something():
    given = [12.34, 0.5, 0.0996, 0.0524, -0.0314, 0.0001, 0, -3]
    assert [number(value) for value in given] == ["12.3", "0.50", "0.10", "0.052", "-0.031", "0.000", "0", "-3.00"]
    assert [percent(share) for share in (0, 0.001, 0.126, 1)] == ["0 %", "under 1 %", "13 %", "100 %"]


def test_lists_and_quotations():
    assert [listed(list(parts)) for parts in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert quoted("a\nb") == "“a b”"


@pytest.mark.parametrize(("shape", "cell", "place"), [
    ((7, 7), (0, 0), "the upper left"),
    ((7, 7), (3, 3), "the middle"),
    ((6, 9), (5, 8), "the lower right"),
    ((14, 20), (13, 10), "the bottom middle"),
    ((1, 1), (0, 0), "the middle"),
    ((2, 4), (0, 3), "the upper right"),
])  # fmt: skip
def test_places_are_thirds(shape, cell, place):
    map_ = np.zeros(shape, np.float32)
    map_[cell] = 2
    assert ninth(map_) == (place, 1)
    assert peak(map_) == place


def test_an_even_map_has_a_ninth_everywhere():
    assert ninth(np.full((9, 12), 0.3, np.float32))[1] == pytest.approx(1 / 9)
    assert ninth(np.zeros((3, 3), np.float32))[1] == 0
