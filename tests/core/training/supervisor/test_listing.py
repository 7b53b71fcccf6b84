# SPDX-License-Identifier: Apache-2.0

"""Whatever lies in the place is listed as what it is: which state, which stage, and since when."""

import json
import shutil
import sys
import time
from dataclasses import asdict, replace

import pytest

from core.errors import UserError
from core.training.progress import Progress
from core.training.request import Request, prepare
from core.training.run_folder import FAILED, INTERRUPTED, RUNNING, RunFolder
from core.training.supervisor.launch import Launcher
from core.training.supervisor.process import Process
from tests.core.training.supervisor.idle import ended, idle_runs, kill
from tests.core.training.toy import wait

pytestmark = pytest.mark.slow


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


def test_a_damaged_run_is_listed_as_failed_and_can_be_deleted(runs, examples):
    id = ended(runs, examples=examples, name="mine")
    (runs.folder(id).path / "request.json").write_text("{")
    (runs.folder(id).path / "status.json").write_text("{")
    (run,) = runs.list()
    assert (run.name, run.state) == ("mine", FAILED)
    assert "no readable request.json" in run.reason
    runs.delete(id)
    assert runs.list() == []
