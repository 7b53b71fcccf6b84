# SPDX-License-Identifier: Apache-2.0

"""Each run's reports become its lines."""

from core.explain import curves

REPORTS = [
    {"step": 0, "eval_loss": 2.0, "R@1": 0.2},
    {"step": 5, "loss": 1.5},
    {"step": 10, "loss": 1.0, "eval_loss": 1.2, "R@1": 0.4},
]


def test_lines_are_the_reports():
    figure = curves.figure({"one": REPORTS, "two $x": REPORTS[:2]}, ["R@1"])
    figure.canvas.draw()
    losses, own = figure.axes
    assert [line.get_xydata().tolist() for line in losses.lines[:2]] == [[[5, 1.5], [10, 1]], [[0, 2], [10, 1.2]]]
    assert own.lines[0].get_xydata().tolist() == [[0, 0.2], [10, 0.4]]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["one", r"two \$x"]


def test_nothing_reported_yet_is_no_error():
    curves.figure({"one": []}, ["R@1"]).canvas.draw()
    curves.figure({}, []).canvas.draw()
