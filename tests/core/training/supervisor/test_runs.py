# SPDX-License-Identifier: Apache-2.0

"""Runs as the page shows them, with an idle process in the trainer's place."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import UserError
from core.training import metrics
from core.training.data.loading import Source, load
from core.training.request import Request
from core.training.run_folder import FAILED, INTERRUPTED, RUNNING
from tests.core.training.supervisor.idle import IdleLauncher, ended, idle_runs, kill

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
ODD = [
    "../../x",
    "$(touch x)",
    "x" * 300,
    "CON",
    "<img onerror=alert(1)>",
    "a/b\\c:d",
    "'; DROP TABLE runs; --",
    "名前",
]


def test_a_run_is_started_watched_and_stopped(runs, examples):
    id = runs.start(Request("toy", "numbers", {"steps": 5}, name=" my  run\n"), examples)
    (run,) = runs.list()
    assert (run.id, run.name, run.state, run.stage, run.steps) == (id, "my run", RUNNING, "starting", 5)
    assert run.settings["eval_every"] == 4  # defaults are written out
    runs.folder(id).append_metrics({"step": 3, "loss": 1.0})
    assert runs.get(id).step == 3
    shown = json.loads(json.dumps(runs.show(id)))
    assert shown["metrics"] == [{"step": 3, "loss": 1.0}]
    assert shown["state"] == RUNNING
    runs.cancel(id)
    assert runs.folder(id).cancelled
    kill(runs, id)
    assert runs.get(id).state == INTERRUPTED
    with pytest.raises(UserError, match="nothing to cancel"):
        runs.cancel(id)


def test_a_double_click_starts_one_run(runs, examples, place):
    request = Request("toy", "numbers", name="twice")
    ids = []
    clicks = [threading.Thread(target=lambda: ids.append(runs.start(request, examples))) for _ in range(4)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert idle_runs(place).start(request, examples) == ids[0]  # in another app over the same place, too
    assert len(runs.list()) == 1


def test_one_run_trains_at_a_time(runs, examples):
    first = runs.start(Request("toy", "numbers", name="first"), examples)
    for other in (Request("toy", "numbers", name="second"), Request("toy", "numbers", {"seed": 1}, name="first")):
        with pytest.raises(UserError, match="'first' is training"):
            runs.start(other, examples)
    with pytest.raises(UserError, match="'first' is training"):
        runs.start(Request("toy", "numbers", name="first"), examples[1:])
    kill(runs, first)
    second = runs.start(Request("toy", "numbers", name="second"), examples)
    with pytest.raises(UserError, match="'second' is training"):
        runs.resume(first)
    assert [run.id for run in runs.list()] == [second, first]
    assert runs.get(first).state == INTERRUPTED


@pytest.mark.parametrize("name", ODD)
def test_names_are_text_and_never_paths(runs, examples, place, tmp_path, name):
    before = sorted(path.name for path in tmp_path.iterdir() if path != place)
    id = ended(runs, examples=examples, name=name)
    assert runs.get(id).name == name
    assert runs.zip(id, tmp_path / "zips") == tmp_path / "zips" / f"{id}.zip"
    assert sorted(path.name for path in place.iterdir()) == [id, "runs.sqlite"]
    runs.delete(id)
    assert sorted(path.name for path in tmp_path.iterdir() if path != place) == sorted([*before, "zips"])
    assert not (ROOT / "x").exists()


@pytest.mark.parametrize("id", ["", ".", "..", "../numbers", "/etc", "runs.sqlite", "no", "' OR 1=1 --", "x" * 5000])
def test_ids_of_no_run_are_refused(runs, examples, tmp_path, id):
    ended(runs, examples=examples)
    methods = (runs.get, runs.show, runs.log, runs.folder, runs.cancel, runs.resume, runs.delete)
    for method in (*methods, lambda id: runs.zip(id, tmp_path), lambda id: runs.compare([id])):
        with pytest.raises(UserError, match="There is no run"):
            method(id)
    assert (tmp_path / "numbers").exists()


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        (Request("nothing", "numbers"), "no objective called"),
        (Request("toy", "numbers", {"steps": 0}), "steps lies between"),
        (Request("toy", "numbers", {"depth": 1}), "no setting called"),
        (Request("toy", "numbers", name="x" * 2000), "at most 1,000"),
    ],
)
def test_what_will_not_do_is_refused_before_it_starts(runs, examples, request_, match):
    with pytest.raises(UserError, match=match):
        runs.start(request_, examples)
    assert runs.list() == []


def test_too_few_rows_are_refused_before_it_starts(runs, examples):
    for rows, match in (([], "None of the 0"), (examples[:1], "1 examples are too few"), (examples[:3], "3 examples")):
        with pytest.raises(UserError, match=match):
            runs.start(Request("toy", "numbers"), rows)
    assert runs.list() == []


def test_a_run_that_cannot_be_started_leaves_nothing(runs, examples, place, monkeypatch):
    monkeypatch.setattr(IdleLauncher, "command", lambda self, folder: ["/no/such/program"])
    with pytest.raises(UserError, match="could not be started"):
        runs.start(Request("toy", "numbers"), examples)
    assert [path.name for path in place.iterdir()] == ["runs.sqlite"]
    monkeypatch.undo()


def test_metrics_are_parsed_once_for_all_that_ask(runs, examples, monkeypatch):
    id = ended(runs, examples=examples)
    for step in range(50):
        runs.folder(id).append_metrics({"step": step, "loss": 0.5})
    parsed = []
    original = metrics._parsed
    monkeypatch.setattr(metrics, "_parsed", lambda line: (parsed.append(line), original(line))[1])
    for _ in range(3):
        assert runs.list()[0].step == 49
        assert len(runs.compare([id])[0]["metrics"]) == len(runs.show(id)["metrics"]) == 50
    assert len(parsed) == 50


def test_resumed_again_and_again_it_is_one_process(runs, examples):
    id = ended(runs, FAILED, examples=examples)
    runs.folder(id).cancel()
    runs.resume(id)
    assert not runs.folder(id).cancelled
    first = runs._table.row(id).pid
    runs.resume(id)
    assert runs._table.row(id).pid == first
    with pytest.raises(UserError, match="Cancel it first"):
        runs.delete(id)


def test_a_finished_run_is_cloned_not_resumed(runs, examples, tmp_path):
    id = ended(runs, examples=examples, name="mine", settings={"steps": 5})
    with pytest.raises(UserError, match="Duplicate and edit it"):
        runs.resume(id)
    same = load(Source(f"run:{id}"), tmp_path, runs=runs)
    again = runs.start(replace(runs.folder(id).request(), settings={"steps": 9}, data=f"run:{id}"), same)
    assert (runs.get(again).name, runs.get(again).data, runs.get(again).steps) == ("mine", "numbers", 9)
    kill(runs, again)
    runs.delete(id)  # its pictures are the clone's own
    assert all(Path(example.image).is_file() for example in runs.folder(again).examples())


def test_runs_are_compared_by_what_differs(runs, examples):
    ids = [ended(runs, examples=examples, name=f"seed {seed}", settings={"seed": seed}) for seed in (1, 2)]
    for id in ids:
        runs.folder(id).append_metrics({"step": 1, "loss": 0.5})
    first, second = runs.compare(ids)
    assert (first["settings"], second["settings"]) == ({"seed": 1}, {"seed": 2})
    assert (first["id"], first["name"], first["metrics"]) == (ids[0], "seed 1", [{"step": 1, "loss": 0.5}])
