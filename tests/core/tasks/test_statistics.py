# SPDX-License-Identifier: Apache-2.0

"""Figures with intervals, against what can be counted by hand."""

import numpy as np
import pytest

from benchmarks import presence
from core.tasks import _statistics
from core.tasks._ranking import ranks
from core.tasks._statistics import choice, mean_average_precision, recall, reliability

RNG = np.random.default_rng(0)


def test_ranks_are_counted_from_one_and_ties_go_by_position():
    gallery = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    rank, first = ranks(np.array([[1, 0], [1, 0], [0, 1]], np.float32), gallery, [[1], [0, 2], [0]])
    assert (rank.tolist(), first.tolist()) == ([2, 1, 2], [0, 0, 2])


def test_recall_and_what_chance_gets():
    eye = np.eye(4, dtype=np.float32)
    found = recall("t2i", eye, eye, [[0], [1], [2], [0]], (1, 2))
    assert (found["t2i.R@1"].value, found["t2i.R@1"].n, found["t2i.R@1"].prior) == (0.75, 4, 0.25)
    assert found["t2i.R@2"].prior == 0.5
    assert recall("i2t", eye, eye, [[0, 1]] * 4, (2,))["i2t.R@2"].prior == pytest.approx(1 - 2 / 4 * 1 / 3)
    assert recall("i2t", eye, eye, [[0]] * 4, (9,))["i2t.R@9"].prior == 1


def test_mean_average_precision_is_that_of_the_benchmark():
    scores, present = RNG.random((12, 5)), RNG.random((12, 5)) < 0.4
    often = [c for c in range(5) if present[:, c].sum() >= 2]
    expected = np.mean([presence.average_precision(scores[:, c], present[:, c]) for c in often])
    found = mean_average_precision("presence", scores, present)["presence.mAP"]
    assert found.value == pytest.approx(expected)
    assert found.prior == pytest.approx(present[:, often].mean())
    assert found.low <= found.value <= found.high
    assert mean_average_precision("presence", scores, np.zeros((12, 5), bool)) == {}


def test_the_calibration_error_is_that_of_the_benchmark():
    confidences, right = RNG.random(200), RNG.random(200) < 0.5
    found = reliability("choice", confidences, right, np.arange(200))
    assert found["choice.ECE"].value == pytest.approx(presence.calibration_error(confidences, right))
    those = (confidences >= 0.6) & (confidences < 0.8)
    assert found["choice.right at 0.6-0.8"].value == pytest.approx(right[those].mean())
    assert found["choice.right at 0.6-0.8"].n == those.sum()


def test_a_choice_that_knows_and_one_that_guesses(monkeypatch):
    monkeypatch.setattr("core.measured.DRAWS", 50)
    present = np.eye(30, 8, dtype=bool) | np.eye(30, 8, k=-8, dtype=bool)
    knows = choice("choice", 20.0 * present, present)
    assert (knows["choice.top1"].value, knows["choice.top1"].n) == (1, 16 * _statistics.DRAWS)
    assert knows["choice.ECE"].value < 0.01
    blind = choice("choice", np.tile(RNG.random(8), (30, 1)), present)["choice.top1"]
    assert blind.value == pytest.approx(0.25, abs=0.15)
    assert choice("choice", np.zeros((30, 8)), present)["choice.top1"].value == 0, "what knows nothing is not right"
    assert choice("choice", np.zeros((3, 2)), np.ones((3, 2), bool)) == {}
