# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from benchmarks import presence

PRESENT = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]], bool)


def test_average_precision():
    truth = np.array([True, False, True, False])
    assert presence.average_precision(np.array([0.9, 0.8, 0.7, 0.1]), truth) == pytest.approx((1 + 2 / 3) / 2)
    assert presence.average_precision(np.array([0.1, 0.8, 0.2, 0.9]), truth) == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_calibration_error():
    truth = np.array([True, False, False, False])
    assert presence.calibration_error(np.full(4, 0.25), truth) == pytest.approx(0)
    assert presence.calibration_error(np.full(4, 0.95), truth) == pytest.approx(0.7)
    assert presence.calibration_error(np.array([0.95, 0.95, 0.05, 0.05]), truth) == pytest.approx(0.25)
    assert presence.calibration_error(np.array([1.0]), np.array([True])) == 0


def test_sets_are_of_absent_categories_and_of_one_present_with_three_absent():
    sets = presence.label_sets(PRESENT, np.random.default_rng(0))
    assert [picture for picture, _, _ in sets] == [0] * 8 + [2] * 8  # one that shows nothing is not asked
    for picture, without, one in sets:
        assert len(set(without)) == len(set(one)) == 4
        assert PRESENT[picture, without].sum() == 0
        assert PRESENT[picture, one].sum() == 1


def test_what_is_absent_is_caught_where_probabilities_tell_it_apart():
    sets = presence.label_sets(PRESENT, np.random.default_rng(0))

    def caught(probabilities):
        found, false = presence.none_of_these(probabilities, sets)
        return found.value, false.value

    assert caught(np.where(PRESENT, 0.9, 0.1)) == (1, 0)
    assert caught(np.full(PRESENT.shape, 0.5)) == (0, 0)
    assert caught(np.where(PRESENT, 0.1, 0.9))[0] == 0
    found, false = presence.none_of_these(np.where(PRESENT, 0.9, 0.1), sets, 0.95)
    assert (found.value, false.value) == (1, 1), "by a threshold of the model's own"


def test_one_thing_is_asked_for_against_it_and_another():
    asked = presence.single_questions(PRESENT, list("abcdef"), np.random.default_rng(0))
    assert asked
    for picture, (alone, both) in asked:
        assert PRESENT[picture, "abcdef".index(alone)]
        assert both.startswith(f"{alone} and a ")
        assert not PRESENT[picture, "abcdef".index(both[-1])]


def test_two_things_are_asked_for_against_each_of_them():
    asked = presence.pair_questions(PRESENT, list("abcdef"), np.random.default_rng(0))
    assert [picture for picture, _ in asked] == [0] * 4
    for _, (both, first, second, a, b) in asked:
        assert {a, b} == {"a", "b"}
        assert both == f"{a} and a {b}"
        assert first.startswith(f"{a} and a ")
        assert second.startswith(f"{b} and a ")
        assert not {first[-1], second[-1]} & {"a", "b"}
