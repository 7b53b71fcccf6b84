# SPDX-License-Identifier: Apache-2.0

"""The watch half of the admin page, without HTTP."""

import json
import zipfile
from dataclasses import asdict

import gradio as gr
import pytest

from core.errors import UserError
from core.training.progress import Progress
from tabs._outputs import only, part
from tabs.admin import reports
from tabs.admin.watching import (
    GONE,
    NOTHING,
    Shown,
    cancel_run,
    delete_run,
    download_model,
    list_choices,
    push_model,
    refresh,
    resume_run,
    show_pictures,
    show_run,
)
from tests.tabs.admin.conftest import end

SKIPPED = only(Shown)


def shown_of(refreshed):
    return part(Shown, refreshed)


def test_where_a_finished_run_stands(lab, finished):
    shown = show_run(lab, finished, [])
    assert shown.status.startswith("**mine**: finished")
    assert "error 0\\.500 → 0\\.250" in shown.status
    assert shown.plot.axes[-1].lines[0].get_ydata().tolist() == [0.5, 0.25]
    assert shown.differences == ""
    assert [row[0] for row in shown.predictions["data"]] == ["1", "2"]
    assert [row[2:] for row in shown.predictions["data"]] == [["0.1", "0.0"], ["0.2", "0.05"]]
    pictures = show_pictures(lab, finished)
    assert [caption.split(".")[0] for _, caption in pictures] == ["1", "2"]
    assert pictures[0][0].size == (8, 8)
    found = refresh(lab, finished, [], "finished")
    assert found.table["data"] == [["mine", "finished", "error 0.500 → 0.250", "10 of 20", "toy", "numbers"]]
    assert (found.state, shown_of(found)) == ("finished", SKIPPED)


def times_shown(lab, id, state):
    """(what it does, how long) as the timer draws it anew."""
    found = refresh(lab, id, [], "" if state != "running" else state)
    assert found.state == state
    return [line.rstrip() for line in found.status.splitlines()[:2]]


def test_a_run_that_trains_is_drawn_anew_with_its_stage_times_and_sign_of_life(lab, running, monkeypatch):
    folder = lab.runs.folder(running)
    assert times_shown(lab, running, "running")[0] == "**mine**: starting"
    began, now = 1e10, [1e10 + 63]
    monkeypatch.setattr("core.training.supervisor.listing.time.time", lambda: now[0])

    def written(stage, **more):
        folder.write("progress.json", json.dumps(asdict(Progress(stage, began, began + 40, began + 60, **more))))
        return times_shown(lab, running, "running")

    assert written("training", done=5, total=20) == [
        "**mine**: training: 5 of 20",
        "1 min gone · about 57 s left of this stage · last sign of life 3 s ago",
    ]
    assert written("training", done=5, total=20, activity="evaluating")[0] == "**mine**: training: 5 of 20, evaluating"
    assert written("computing features", total=20) == [
        "**mine**: computing features: 0 of 20",
        "1 min gone · time left not known yet · last sign of life 3 s ago",
    ]
    now[0] += 600
    assert written("training", done=5, total=20) == [
        "**mine**: training: 5 of 20",
        "11 min gone · **no sign of life for 10 min**: it may be stuck; wait, or cancel it",
    ]


def test_a_dead_run_and_an_ended_one_say_when(lab, running, monkeypatch):
    folder = lab.runs.folder(running)
    folder.write("progress.json", json.dumps(asdict(Progress("training", 1e10, 1e10, 1e10 + 60, 5, 20))))
    monkeypatch.setattr("core.training.supervisor.listing.time.time", lambda: 1e10 + 60 + 7200)
    end(lab, running)
    assert times_shown(lab, running, "interrupted")[0] == "**mine**: interrupted; it can be resumed"
    assert reports.times(lab.runs.get(running)) == (
        "it worked for 1 min; its last sign of life was 2 h 0 min ago, at “training: 5 of 20”"
    )
    folder.write_status("finished")
    assert times_shown(lab, running, "finished") == [
        "**mine**: finished",
        "it worked for 1 min and ended 2 h 0 min ago",
    ]


def test_a_run_that_another_window_deleted_is_said_to_be_gone_and_never_an_error(lab, finished):
    delete_run(lab, finished)
    found = refresh(lab, finished, [], "finished")
    assert (found.table["data"], found.state) == ([], GONE)
    assert shown_of(found) == NOTHING._replace(status="This run was deleted.")
    for _ in range(3):  # every two seconds from then on
        found = refresh(lab, finished, [finished], found.state)
        assert (found.state, shown_of(found)) == (GONE, SKIPPED)
    assert show_run(lab, finished, [finished]).status == "This run was deleted."
    assert show_pictures(lab, finished) == []
    chosen, others = list_choices(lab, finished)
    assert (chosen.value, chosen.choices, others.choices) == (None, [], [])
    with pytest.raises(UserError, match="There is no run"):
        delete_run(lab, finished)


def test_others_that_were_deleted_are_left_out_of_the_comparison(lab, finished, examples):
    from core.training.request import Request

    other = lab.runs.start(Request("toy", "numbers", {"steps": 30}, name="other"), examples)
    end(lab, other)
    shown = show_run(lab, finished, [other, finished])
    assert shown.differences.splitlines() == ["What differs:", "- mine: steps 20", "- other: steps 30"]
    delete_run(lab, other)
    assert show_run(lab, finished, [other]).differences == ""


def test_a_place_that_cannot_be_used_is_said_and_not_raised(lab, finished):
    table = lab.runs.place / "runs.sqlite"
    whole = table.read_bytes()
    table.write_bytes(b"no table" * 100)
    found = refresh(lab, finished, [], "finished")
    table.write_bytes(whole)
    assert "cannot be used" in found.status
    assert found.table == gr.skip()


def test_nothing_chosen(lab):
    assert show_run(lab, None, []) == NOTHING
    assert show_pictures(lab, None) == []
    for handler in (cancel_run, resume_run, delete_run, download_model):
        with pytest.raises(UserError, match="Choose a run first"):
            handler(lab, None)
    with pytest.raises(UserError, match="Choose a run first"):
        push_model(lab, None, "me/mine")


def test_cancel_resume_delete_and_download(lab, running):
    with pytest.raises(UserError, match="Cancel it first"):
        delete_run(lab, running)
    cancel_run(lab, running)
    assert lab.runs.folder(running).cancelled
    end(lab, running)
    resume_run(lab, running)
    assert lab.runs.get(running).state == "running"
    end(lab, running)
    with pytest.raises(UserError, match="no model yet"):
        download_model(lab, running)
    folder = lab.runs.folder(running)
    folder.model.mkdir()
    (folder.model / "config.json").write_text("{}")
    folder.write_status("finished")
    with zipfile.ZipFile(download_model(lab, running)) as archive:
        assert archive.namelist() == ["config.json"]


def test_names_are_never_markup(lab, examples):
    from core.training.request import Request

    id = lab.runs.start(Request("toy", "numbers", name="<img src=x> ![y](http://z)"), examples)
    assert show_run(lab, id, []).status.startswith(r"**\<img src\=x\> \!\[y\]\(http\:\/\/z\)**: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, words):
    assert reports.duration(seconds) == words


def test_predictions_that_no_run_wrote_are_shown_as_far_as_they_go():
    found = {"examples": [{"image": "data/0.png", "text": "a"}], "before": "x", "after": ["1", "2"]}
    assert reports.predictions(found, "removed")["data"] == [["1", "a   ", "", "1"]]
    assert reports.predictions({}, "toy")["data"] == []
