# SPDX-License-Identifier: Apache-2.0

"""Each run's reports become its lines."""

from core.explain import curves

REPORTS = [
    {"step": 0, "eval_loss": 2.0, "R@1": 0.2},
    {"step": 5, "loss": 1.5},
    {"step": 10, "loss": 1.0, "eval_loss": 1.2, "R@1": 0.4},
]


def test_lines_are_the_reports():
    drawn = curves.drawing({"one": REPORTS, "two $x": REPORTS[:2]}, ["R@1"])
    drawn.figure.canvas.draw()
    losses, own = drawn.figure.axes
    assert [line.get_xydata().tolist() for line in losses.lines[:2]] == [[[5, 1.5], [10, 1]], [[0, 2], [10, 1.2]]]
    assert own.lines[0].get_xydata().tolist() == [[0, 0.2], [10, 0.4]]
    assert own.lines[0].get_marker() != own.lines[1].get_marker()
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()] == ["one", "two $x"]
    assert drawn.finding == (
        "one: held-out loss from 2.00 to 1.20 at step 10, R@1 from 0.20 to 0.40 at step 10. "
        "two $x: held-out loss 2.00 at step 0, R@1 0.20 at step 0."
    )


def test_a_measure_that_nobody_reports_has_no_axes():
    assert len(curves.drawing({"one": REPORTS}, ["R@1", "R@5"]).figure.axes) == 2


def test_nothing_reported_yet_is_nothing_to_draw():
    assert curves.drawing({"one": []}, ["R@1"]) is None
    assert curves.drawing({}, []) is None
    training = curves.drawing({"one": REPORTS[1:2]}, ["R@1"])
    assert training.finding == "Only training losses are reported so far."
    training.figure.canvas.draw()


def test_more_runs_than_are_said():
    assert curves.drawing(dict.fromkeys("abcde", REPORTS), []).finding.endswith("And 2 more runs.")
