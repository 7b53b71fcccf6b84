# SPDX-License-Identifier: Apache-2.0

"""The lab starts whatever lies in the folder of runs."""

import json

import pytest

import app
from core.errors import UserError
from core.settings import Settings
from core.training.run_folder import FAILED, FINISHED
from tabs.admin import page, reports

REQUEST = {"objective": "removed", "data": "gallery", "settings": {"steps": 5}, "name": "from another lab"}


@pytest.fixture
def lab(tmp_path):
    return app.open_lab(Settings(device="cpu", runs=tmp_path / "runs"))


def folder(lab, name, request=REQUEST, **files):
    made = lab.runs.place / name
    made.mkdir(parents=True)
    (made / "request.json").write_text(request if isinstance(request, str) else json.dumps(request))
    for file, text in files.items():
        (made / file.replace("_", ".")).write_text(text)
    return made


def test_a_run_of_an_objective_that_is_not_there_is_listed_with_the_reason(lab):
    folder(lab, "begun", metrics_jsonl='{"step": 3, "loss": 1.0, "R@1": 0.5}\n')
    folder(lab, "ended", status_json=json.dumps({"state": FINISHED}))
    page.build(lab)
    listed = {run.id: run for run in lab.runs.list()}
    assert (listed["begun"].state, listed["begun"].step, listed["begun"].steps) == (FAILED, 3, 5)
    assert listed["ended"].state == FINISHED
    assert all("no objective called 'removed'" in run.reason for run in listed.values())
    assert reports.run_table(lab.runs, lab.runs.list()).count(">from another lab</a>") == 2
    with pytest.raises(UserError, match="no objective called 'removed'"):
        lab.runs.resume("begun")
    assert "status.json" not in [file.name for file in (lab.runs.place / "begun").iterdir()]
    lab.runs.delete("begun")
    assert [run.id for run in lab.runs.list()] == ["ended"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_",
    [
        "{",
        "[]",
        {**REQUEST, "objective": 5},
        {**REQUEST, "settings": []},
        {**REQUEST, "settings": None},
        {**REQUEST, "name": {}},
        {**REQUEST, "data": None},
        {**REQUEST, "settings": {"steps": "many"}},
        {**REQUEST, "more": 1},
    ],
    ids=str,
)
def test_requests_that_no_run_wrote_stop_nothing(lab, request_):
    folder(lab, "odd", request_, status_json='{"state": ["running"], "reason": 3}')
    page.build(lab)
    assert all(run.state == FAILED and run.steps == 0 for run in lab.runs.list())


@pytest.mark.slow
@pytest.mark.parametrize("line", ["[]", "3", "null", '{"loss": 1}', '{"step": "one", "loss": []}', '{"step": 2, "lo'])
def test_metrics_that_no_run_wrote_are_left_out(lab, line):
    folder(lab, "odd", metrics_jsonl=f'{line}\n{{"step": 4, "loss": 1.5, "R@1": "high"}}\n')
    page.build(lab)
    (run,) = lab.runs.list()
    assert run.step == 4
    assert lab.runs.folder(run.id).metrics()[-1] == {"step": 4, "loss": 1.5}
