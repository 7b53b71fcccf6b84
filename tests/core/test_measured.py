# SPDX-License-Identifier: Apache-2.0

"""Figures with their intervals."""

import numpy as np
import pytest

from core.measured import measure


def test_the_interval_of_a_share_is_that_of_the_binomial():
    right = np.repeat([1.0, 0.0], [60, 40])
    found = measure(right, range(100), prior=0.5)
    assert found.value == 0.6
    assert found.n == 100
    assert found.low == pytest.approx(0.504, abs=0.015)
    assert found.high == pytest.approx(0.696, abs=0.015)
    assert found.beats_prior


def test_questions_about_one_picture_count_as_one():
    apart, together = measure([1, 0] * 50, range(100)), measure([1, 0] * 50, [0, 1] * 50)
    assert apart.high - apart.low == pytest.approx(0.196, abs=0.02)
    assert (together.low, together.high) == (0, 1), "two pictures say next to nothing"


def test_a_statistic_of_its_own():
    values = np.array([1.0, 2.0, 9.0])
    found = measure(values, range(3), statistic=lambda places: float(np.median(values[places])))
    assert (found.value, found.low, found.high) == (2, 1, 9)
