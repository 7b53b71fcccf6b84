# SPDX-License-Identifier: Apache-2.0

"""The watch half of the admin page, without HTTP."""

import json
import re
import zipfile
from dataclasses import asdict

import gradio as gr
import pytest

from core.errors import UserError
from core.training.progress import Progress
from tabs._events import in_panel
from tabs.admin import reports
from tabs.admin.watching import (
    GONE,
    Watch,
    cancel_run,
    delete_run,
    download_model,
    list_runs,
    open_page,
    push_model,
    refresh,
    resume_run,
    show_run,
)
from tests.tabs.admin.conftest import end


def shown(lab, id, others=()):
    return next(show_run(lab, id, others))


def unchanged(found):
    """Whether nothing but the table and the state is drawn anew."""
    return all(value == gr.skip() for name, value in found._asdict().items() if name not in ("table", "state"))


def can(found):
    """The buttons that are there."""
    names = ("cancel", "resume", "duplicate", "delete", "give")
    return [name for name in names if getattr(found, name).visible]


def test_where_a_finished_run_stands(lab, finished):
    found = shown(lab, finished)
    assert found.status.startswith("**mine**: finished")
    assert "error 0\\.500 → 0\\.250 \\(4 held out\\)" in found.status
    assert "error from 0.50 to 0.25 at step 10" in found.curves
    assert found.differences == ""
    assert re.findall(r'label="(?:Before|After)">(.*?)<', found.predictions) == ["0.1", "0.0", "0.2", "0.05"]
    assert found.predictions.count('<img src="data:image/jpeg') == 2
    assert can(found) == ["duplicate", "delete"]  # no model was kept
    again = refresh(lab, finished, [], found.state)
    assert re.findall(r"<td.*?>(?:<a.*?>)?(.*?)<", again.table) == [
        "mine",
        "finished",
        "error 0.500 → 0.250 (4 held out)",
        "10 of 20",
        "toy",
        "numbers",
    ]
    assert unchanged(again)


def times_shown(lab, id, state):
    """(what it does, how long) as the timer draws it anew."""
    found = refresh(lab, id, [], "")
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
    assert next(delete_run(lab, finished)).chosen.value is None
    found = refresh(lab, finished, [], "finished")
    assert (found.state, found.status, found.curves, can(found)) == (GONE, "This run was deleted.", "", [])
    assert "No run has been started yet" in found.table
    for _ in range(3):  # every two seconds from then on
        found = refresh(lab, finished, [finished], found.state)
        assert found.state == GONE
        assert unchanged(found)
    listed = next(list_runs(lab, finished))
    assert (listed.chosen.value, listed.chosen.choices, listed.chosen.visible, listed.others.visible) == (
        None,
        [],
        False,
        False,
    )
    (refused,) = in_panel(delete_run, Watch)(lab, finished)  # it stays to be read
    assert "There is no run" in refused.error


def test_the_page_opens_with_the_run_of_its_address_or_the_newest(lab, finished, examples):
    from core.training.request import Request

    other = lab.runs.start(Request("toy", "numbers", {"steps": 30}, name="other"), examples)
    assert next(open_page(lab, f"?run={finished}")).chosen.value == finished
    assert next(open_page(lab, "?run=none")).chosen.value == next(open_page(lab)).chosen.value == other
    end(lab, other)


def test_others_that_were_deleted_are_left_out_and_losses_of_other_objectives_are_drawn_apart(
    lab, finished, examples, monkeypatch
):
    from core.training import OBJECTIVES
    from core.training.request import Request
    from tests.core.training.toy import Toy

    monkeypatch.setitem(OBJECTIVES._items, "toy2", type("Toy2", (Toy,), {"name": "toy2"}))
    other = lab.runs.start(Request("toy2", "numbers", {"steps": 30}, name="other"), examples)
    end(lab, other)
    lab.runs.folder(other).append_metrics({"step": 0, "loss": 70.0, "eval_loss": 80.0})
    found = shown(lab, finished, [other, finished])
    lines = ["What differs:", "- mine: objective toy, steps 20", "- other: objective toy2, steps 30"]
    assert found.differences.splitlines() == lines
    assert found.curves.count("<svg") == 2
    next(delete_run(lab, other))
    assert shown(lab, finished, [other]).differences == ""


def test_a_place_that_cannot_be_used_is_said_and_not_raised(lab, finished):
    table = lab.runs.place / "runs.sqlite"
    whole = table.read_bytes()
    table.write_bytes(b"no table" * 100)
    found = refresh(lab, finished, [], "finished")
    table.write_bytes(whole)
    assert "cannot be used" in found.status
    assert found.table == gr.skip()


def test_nothing_chosen(lab):
    assert shown(lab, None).details.visible is False
    for handler, more in ((cancel_run, [[]]), (resume_run, [[]]), (delete_run, []), (push_model, ["me/mine"])):
        with pytest.raises(UserError, match="Choose a run first"):
            next(handler(lab, None, *more))
    with pytest.raises(UserError, match="Choose a run first"):
        list(download_model(lab, None))


def test_cancel_resume_delete_and_download(lab, running):
    assert can(shown(lab, running)) == ["cancel", "duplicate"]
    with pytest.raises(UserError, match="Cancel it first"):
        next(delete_run(lab, running))
    stopping = next(cancel_run(lab, running, []))
    assert lab.runs.folder(running).cancelled
    assert (stopping.cancel.value, stopping.cancel.interactive) == ("Stopping ...", False)
    assert "stopping after the present step" in stopping.status
    end(lab, running)
    assert can(shown(lab, running)) == ["resume", "duplicate", "delete"]
    resumed = next(resume_run(lab, running, []))
    assert (resumed.state, resumed.cancel.interactive) == ("running", True)
    end(lab, running)
    with pytest.raises(UserError, match="no model yet"):
        list(download_model(lab, running))
    folder = lab.runs.folder(running)
    folder.model.mkdir()
    (folder.model / "config.json").write_text("{}")
    folder.write_status("finished")
    assert can(shown(lab, running)) == ["duplicate", "delete", "give"]
    with zipfile.ZipFile([*download_model(lab, running)][-1].file) as archive:
        assert archive.namelist() == ["config.json"]


def test_names_are_never_markup(lab, examples):
    from core.training.request import Request

    id = lab.runs.start(Request("toy", "numbers", name="<img src=x> ![y](http://z)"), examples)
    found = refresh(lab, id, [], "")
    assert "<img src=x" not in found.table
    assert found.status.startswith(r"**\<img src\=x\> \!\[y\]\(http\:\/\/z\)**: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min"), (3599, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, words):
    assert reports.duration(seconds) == words


def test_predictions_that_no_run_wrote_are_shown_as_far_as_they_go():
    found = {"examples": [{"image": "data/0.png", "text": "<a>"}], "before": "x", "after": ["1", "2"]}
    assert re.findall(r"<td.*?>(.*?)</td>", reports.predictions(found, "removed")) == ["1", "&lt;a&gt;", "", "1"]
    assert reports.predictions({}, "toy") == ""
