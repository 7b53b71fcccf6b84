# SPDX-License-Identifier: Apache-2.0

"""How far a run is, in words and seconds."""

import json

import pytest

from core.training import progress as progress_module
from core.training.progress import Progress, ProgressFile


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "time", lambda: now[0])
    return now


def test_stage_time_gone_and_time_left(tmp_path, clock):
    file = ProgressFile(tmp_path / "progress.json")
    clock[0] += 10
    file.stage("training", total=200, done=100)  # resumed: 100 updates were made before
    assert file.progress.seconds_left(clock[0]) is None
    clock[0] += 20
    file.update(140)
    found = Progress.read(tmp_path / "progress.json")
    assert str(found) == "training: 140 of 200"
    assert (found.seconds(), found.seconds_left(clock[0])) == (30.0, 30.0)
    assert (found.seconds(clock[0] + 12), found.seconds_left(clock[0] + 12)) == (42.0, 18.0)  # read a while later
    assert found.seconds_left(clock[0] + 1000) == 0.0
    file.stage("saving the model")
    assert str(Progress.read(tmp_path / "progress.json")) == "saving the model"
    assert file.progress.seconds_left(clock[0]) is None


def test_an_evaluation_within_training_is_named_and_counts_for_the_pace(tmp_path, clock):
    file = ProgressFile(tmp_path / "progress.json")
    file.stage("training", total=100)
    clock[0] += 10
    with file.during("evaluating", 50):
        found = Progress.read(tmp_path / "progress.json")
        assert (str(found), found.seconds_left(clock[0])) == ("training: 50 of 100, evaluating", 10.0)
        clock[0] += 40
    found = Progress.read(tmp_path / "progress.json")
    assert (str(found), found.seconds_left(clock[0])) == ("training: 50 of 100", 50.0)
    with pytest.raises(OSError, match="gone"), file.during("evaluating", 100):
        raise OSError("gone")
    assert str(Progress.read(tmp_path / "progress.json")) == "training: 100 of 100, evaluating"  # where it failed
    file.stage("saving the model")
    assert str(Progress.read(tmp_path / "progress.json")) == "saving the model"


def test_the_time_of_a_process_that_was_cut_off_counts(tmp_path, clock):
    first = ProgressFile(tmp_path / "progress.json")
    clock[0] += 60
    first.stage("training", total=100)
    clock[0] += 10_000  # cut off, and resumed much later
    second = ProgressFile(tmp_path / "progress.json")
    clock[0] += 5
    second.stage("training", total=100, done=40)
    assert Progress.read(tmp_path / "progress.json").seconds() == 65.0
    clock[0] += 100
    third = ProgressFile(tmp_path / "progress.json")
    assert third.progress.seconds() == 65.0


def test_it_is_written_once_a_second_at_most_and_at_the_end(tmp_path, clock):
    file = ProgressFile(tmp_path / "progress.json")
    file.stage("training", total=10)
    written = []
    for done in range(1, 11):
        clock[0] += 0.3
        file.update(done)
        written.append(Progress.read(tmp_path / "progress.json").done)
    assert written == [0, 0, 0, 4, 4, 4, 4, 8, 8, 10]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"stage": "x"}', '{"done": 1, "more": 2}'])
def test_what_no_run_wrote_is_no_progress(tmp_path, text):
    (tmp_path / "progress.json").write_text(text)
    assert Progress.read(tmp_path / "progress.json") is None
    right = {"stage": "x", "began": 0, "stage_began": 0, "updated": 0}
    for wrong in ({}, {"began": "y"}, {"stage": 3}, {"updated": float("nan")}, {"activity": []}, {"earlier": None}):
        (tmp_path / "progress.json").write_text(json.dumps(right | wrong))
        assert (Progress.read(tmp_path / "progress.json") is None) == bool(wrong)
    assert Progress.read(tmp_path / "none.json") is None


def test_a_full_disk_does_not_end_the_run_here(tmp_path, caplog):
    (tmp_path / "progress.json.part").mkdir()  # nothing can be written there
    file = ProgressFile(tmp_path / "progress.json")
    file.stage("training", total=2)
    file.update(2)
    assert "progress could not be written" in caplog.text
