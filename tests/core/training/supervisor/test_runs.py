# SPDX-License-Identifier: Apache-2.0

"""Runs as the page shows them, with an idle process in the trainer's place."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar

import pytest

from core.errors import UserError
from core.training import metrics
from core.training.data.loading import Source, load
from core.training.progress import Progress
from core.training.request import Request, prepare
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.supervisor.launch import Launcher
from core.training.supervisor.process import Process
from core.training.supervisor.runs import Runs
from tests.core.training.toy import toy, wait  # noqa: F401  a fixture

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
SECRET = "hf_very_secret_token"


class IdleLauncher(Launcher):
    """Its processes print their environment and wait."""

    def command(self, folder):
        code = "import os, time; print(dict(os.environ), flush=True); time.sleep(600)"
        return [sys.executable, "-c", code]


def idle_runs(place):
    return Runs(place, launcher=IdleLauncher())


def kill(runs, id):
    row = runs._table.row(id)
    if row and row.process and row.process.alive and row.pid != os.getpid():
        os.kill(row.pid, signal.SIGKILL)
        wait(lambda: not row.process.alive)


@pytest.fixture
def runs(place, toy):  # noqa: F811
    made = idle_runs(place)
    yield made
    for row in made._table.rows():
        kill(made, row.id)


def ended(runs, state=FINISHED, **wanted):
    """The id of a toy's run that is over, with a model if it ended well."""
    place = wanted.pop("examples")
    id = runs.start(Request("toy", "numbers", **wanted), place)
    kill(runs, id)
    folder = runs.folder(id)
    if state in (FINISHED, CANCELLED):
        folder.model.mkdir()
        (folder.model / "config.json").write_text("{}")
        (folder.model / "model.safetensors").write_bytes(b"weights")
    folder.write_status(state)
    return id


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


def test_secrets_reach_neither_process_nor_log(runs, examples, place, monkeypatch):
    for name in ("HF_TOKEN", "VLM_LAB_ADMIN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    id = runs.start(Request("toy", "numbers"), examples)
    wait(lambda: "PYTHONUNBUFFERED" in runs.log(id))
    for path in place.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    with runs.folder(id).log.open("a") as log:  # as if a library had printed one after all
        log.write(f"401 with {SECRET}")
    assert "401 with ***" in runs.log(id)
    assert SECRET not in json.dumps(runs.show(id))


def test_a_pid_that_was_given_to_another_is_neither_adopted_nor_killed(runs, examples, place):
    id = runs.start(Request("toy", "numbers"), examples)
    kill(runs, id)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        runs._table.set_process(id, Process(stranger.pid, Process.of(stranger.pid).started - 100))
        again = idle_runs(place)
        assert again.get(id).state == INTERRUPTED
        with pytest.raises(UserError, match="nothing to cancel"):
            again.cancel(id)
        again.delete(id)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_run_in_a_shell_is_seen(runs, examples):
    """The process says itself that it trains, so that nobody starts another over it."""
    id = ended(runs, FAILED, examples=examples)
    folder = runs.folder(id)
    folder.write_status(RUNNING, stage="training")
    folder.claim()
    assert runs.get(id).state == RUNNING
    with pytest.raises(UserError, match="training"):
        runs.delete(id)
    runs.resume(id)  # it does train
    assert runs._table.row(id).process is None or not runs._table.row(id).process.alive
    folder.release()
    assert runs.get(id).state == INTERRUPTED


def test_folders_of_other_hands_are_listed_and_missing_ones_are_not(runs, examples, place):
    gone = ended(runs, examples=examples)
    (place / gone).rename(place.parent / "elsewhere")
    RunFolder(place / "by-shell").lay_out(prepare(Request("toy", "numbers", name="shell"), examples))
    (place / "nothing").mkdir()
    (place / "odd name; x").mkdir()
    (place / "odd name; x" / "request.json").write_text(json.dumps({"objective": "toy", "data": ""}))
    assert [(run.id, run.name, run.state) for run in runs.list()] == [("by-shell", "shell", INTERRUPTED)]
    runs.resume("by-shell")
    assert runs.get("by-shell").state == RUNNING


def test_a_folder_that_is_deleted_while_it_is_listed_is_passed_over(runs, examples, place, monkeypatch):
    RunFolder(place / "by-shell").lay_out(prepare(Request("toy", "numbers", name="shell"), examples))
    request = RunFolder.request
    monkeypatch.setattr(RunFolder, "request", lambda self: (request(self), shutil.rmtree(self.path))[0])
    assert runs.list() == []


class FullDiskLauncher(Launcher):
    """Its processes end as on a full disk, without a word in their folder."""

    def command(self, folder):
        return [sys.executable, "-c", "raise SystemExit(74)"]


def test_a_run_that_could_not_even_say_so_died_of_a_full_disk(runs, examples, place):
    runs.launcher = FullDiskLauncher()
    id = runs.start(Request("toy", "numbers"), examples)
    wait(lambda: runs.get(id).state != RUNNING)
    wait(lambda: runs.get(id).reason)
    assert (runs.get(id).state, "disk is full" in runs.get(id).reason) == (FAILED, True)
    assert not (runs.folder(id).path / "status.json").exists()
    with runs.folder(id).log.open("a") as log:
        log.write("RuntimeError: I/O error: No space left on device (os error 28)\n")
    assert "disk is full" in idle_runs(place).get(id).reason  # an app that did not see it end reads the log


def test_a_killed_run_is_interrupted_and_says_so(runs, examples):
    id = runs.start(Request("toy", "numbers"), examples)
    kill(runs, id)
    wait(lambda: runs.get(id).reason)
    assert (runs.get(id).state, "was killed" in runs.get(id).reason) == (INTERRUPTED, True)


def test_the_stage_the_time_gone_and_the_last_sign_of_life(runs, examples):
    id = runs.start(Request("toy", "numbers"), examples)
    folder = runs.folder(id)
    run = runs.get(id)
    assert (run.stage, run.seconds_left) == ("starting", None)
    now = time.time()
    assert 0 <= run.seconds < 60
    assert now - 60 < run.sign_of_life <= now
    progress = Progress("training", now, now, now, done=40, total=200)
    folder.write("progress.json", json.dumps(asdict(replace(progress, began=now - 1000, updated=now - 900))))
    run = runs.get(id)
    assert run.stage == "starting"  # that was an earlier process, which worked for 100 seconds
    assert 100 <= run.seconds < 160
    assert run.sign_of_life > now - 60
    folder.write("progress.json", json.dumps(asdict(replace(progress, updated=now + 10))))
    run = runs.get(id)
    assert (run.stage, run.seconds_left) == ("training: 40 of 200", pytest.approx(50, abs=30))
    assert 0 <= run.seconds < 60
    assert run.sign_of_life == now + 10


def test_where_a_dead_run_ended_and_when(runs, examples):
    id = runs.start(Request("toy", "numbers"), examples)
    now = time.time()
    runs.folder(id).write("progress.json", json.dumps(asdict(Progress("training", now, now, now + 10, 40, 200))))
    kill(runs, id)
    run = runs.get(id)
    assert (run.state, run.stage, run.seconds_left) == (INTERRUPTED, "training: 40 of 200", None)
    assert run.seconds == pytest.approx(10)
    runs.folder(id).write("progress.json", json.dumps(asdict(Progress("training", now - 500, now, now - 100, 40, 200))))
    run = runs.get(id)
    assert run.seconds == pytest.approx(400)  # it does not go on
    assert run.sign_of_life == now - 100


def test_before_its_process_is_launched_its_data_are_copied(runs, examples):
    """The app itself does that, which may have been started long ago."""
    id = runs.start(Request("toy", "numbers"), examples)
    kill(runs, id)
    (runs.folder(id).path / "request.json").unlink()
    runs._table.set_process(id, Process.own())
    run = runs.get(id)
    assert (run.state, run.stage) == (RUNNING, "copying the data")
    assert run.seconds <= time.time() - run.created


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


def test_a_damaged_run_is_listed_as_failed_and_can_be_deleted(runs, examples):
    id = ended(runs, examples=examples, name="mine")
    (runs.folder(id).path / "request.json").write_text("{")
    (runs.folder(id).path / "status.json").write_text("{")
    (run,) = runs.list()
    assert (run.name, run.state) == ("mine", FAILED)
    assert "no readable request.json" in run.reason
    runs.delete(id)
    assert runs.list() == []


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
    with pytest.raises(UserError, match="Clone it"):
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


@pytest.mark.parametrize("state", [FINISHED, CANCELLED])
def test_what_was_kept_is_downloaded(runs, examples, tmp_path, state):
    id = ended(runs, state, examples=examples)
    with zipfile.ZipFile(runs.zip(id, tmp_path / "z")) as archive:
        assert sorted(archive.namelist()) == ["config.json", "model.safetensors"]
        assert archive.read("model.safetensors") == b"weights"


def test_without_a_model_there_is_nothing_to_give_away(runs, examples, tmp_path):
    id = ended(runs, FAILED, examples=examples)
    for give in (lambda: runs.zip(id, tmp_path), lambda: runs.push(id, "me/mine", SECRET)):
        with pytest.raises(UserError, match="no model yet"):
            give()


class Hub:
    """In the place of HfApi."""

    calls: ClassVar[list] = []
    broken = False

    def __init__(self, token):
        self.calls.append(token)

    def create_repo(self, repo, **options):
        if self.broken:
            raise ConnectionError(f"401 Bearer {SECRET}")
        self.calls.append((repo, options))
        return f"https://huggingface.co/{repo}"

    def upload_folder(self, repo_id, folder_path, **options):
        self.calls.append((repo_id, sorted(path.name for path in folder_path.iterdir())))


def test_a_model_is_pushed_with_the_token_of_the_environment(runs, examples, monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr(Hub, "calls", [])
    monkeypatch.setenv("HF_TOKEN", SECRET)
    id = ended(runs, examples=examples)
    assert runs.push(id, "me/mine") == "https://huggingface.co/me/mine"
    private, files = {"private": True, "exist_ok": True}, ["config.json", "model.safetensors"]
    assert Hub.calls == [SECRET, ("me/mine", private), ("me/mine", files)]
    for repo in ("mine", "me/../x", "me/mine/x", "https://x.y/z", ""):
        with pytest.raises(UserError, match="owner/name"):
            runs.push(id, repo)
    monkeypatch.setattr(Hub, "broken", True)
    with pytest.raises(UserError, match="did not take me/mine") as caught:
        runs.push(id, "me/mine")
    assert SECRET not in str(caught.value)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="Set HF_TOKEN"):
        runs.push(id, "me/mine")


def test_many_threads_of_several_apps_share_the_table(place, examples, toy):  # noqa: F811
    several, errors = [idle_runs(place) for _ in range(3)], []
    ids = [ended(several[0], examples=examples, name=str(n)) for n in range(3)]

    def use(runs):
        try:
            for _ in range(10):
                assert len(runs.list()) == 3
                runs._table.set_process(random.choice(ids), None)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(runs,)) for runs in several * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_place_that_cannot_be_used_is_told(tmp_path, toy):  # noqa: F811
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used"):
        Runs(tmp_path / "file").list()
    place = tmp_path / "runs"
    place.mkdir()
    (place / "runs.sqlite").write_bytes(b"no table" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        Runs(place).list()
