# SPDX-License-Identifier: Apache-2.0

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from core.errors import UserError
from core.training import checkpoints
from core.training.data.example import Example
from core.training.data.split import Split
from core.training.request import Prepared, Request
from core.training.run_folder import RunFolder
from core.training.supervisor.private import redacted, without_secrets
from core.training.supervisor.process import Process
from tests.core.training.toy import numbers


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "run")
    rows = numbers(tmp_path / "in", 4)
    made.lay_out(Prepared(Request("toy", "numbers", {"steps": 3}, name="$(touch x)"), rows, Split([0, 1, 3], [2])))
    return made


def sealed(path):
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    (path / "optimizer.pt").write_bytes(b"moments")
    checkpoints.mark_complete(path)
    return path


def test_pictures_are_in_the_folder_and_it_can_be_moved(folder, tmp_path):
    shutil.rmtree(tmp_path / "in")
    moved = RunFolder(folder.path.rename(tmp_path / "moved"))
    assert {example.image for example in moved.examples()} == {
        str(tmp_path / "moved" / "data" / f"0000{number}.png") for number in range(4)
    }
    assert moved.examples()[0].picture().size == (8, 8)
    assert [example.mask for example in moved.examples()] == ["", "", "", ""]
    assert moved.request().name == "$(touch x)"


def test_links_are_followed_to_the_picture_itself(tmp_path):
    (example,) = numbers(tmp_path / "in", 1)
    link = tmp_path / "link.png"
    link.symlink_to(example.image)
    folder = RunFolder(tmp_path / "run")
    folder.lay_out(Prepared(Request("toy", ""), [Example(str(link), "1")], Split([0], [])))
    assert not os.path.islink(folder.examples()[0].image)


def test_a_folder_with_something_in_it_is_not_taken(folder):
    with pytest.raises(UserError, match="already"):
        folder.lay_out(Prepared(Request("toy", ""), [], Split([], [])))
    assert folder.request().settings == {"steps": 3}


def test_a_picture_that_is_gone_is_told(tmp_path):
    rows = [Example(str(tmp_path / "no.png"))]
    with pytest.raises(UserError, match="gone"):
        RunFolder(tmp_path / "run").lay_out(Prepared(Request("toy", ""), rows, Split([0], [])))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_an_unreadable_request_is_told(folder, text):
    (folder.path / "request.json").write_text(text)
    with pytest.raises(UserError, match="no readable request"):
        folder.request()


def test_a_line_that_was_cut_off_is_left_out(folder):
    folder.append_metrics({"step": 1, "loss": 2.0})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert folder.metrics() == [{"step": 1, "loss": 2.0}]
    folder.truncate_metrics(5)
    folder.append_metrics({"step": 2, "loss": 1.0})
    assert [row["step"] for row in folder.metrics()] == [1, 2]


def test_a_checkpoint_counts_only_whole(folder):
    for step in (4, 8, 12, 100):
        sealed(folder.path / f"checkpoint-{step}")
    os.truncate(folder.path / "checkpoint-8" / "optimizer.pt", 3)
    (folder.path / "checkpoint-12" / "model.safetensors").write_bytes(b"weighty")  # of the same size
    (folder.path / "checkpoint-x").mkdir()
    assert [path.name for path in folder.checkpoints()] == ["checkpoint-4", "checkpoint-100"]
    (folder.path / "checkpoint-100" / "complete").write_text("")
    checkpoints.remove_incomplete(folder.path)
    assert sorted(path.name for path in folder.path.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-x"]


def test_one_process_trains_a_folder(folder):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        who = Process.of(other.pid)
        assert who.alive
        folder.write("process.json", json.dumps({"pid": who.pid, "started": who.started}))
        with pytest.raises(UserError, match="Another process"):
            folder.claim()
    finally:
        other.kill()
    deadline = time.monotonic() + 10
    while who.alive and time.monotonic() < deadline:  # dead, and not yet waited for
        time.sleep(0.01)
    folder.claim()
    other.wait()
    assert folder.process() == Process.own()
    folder.release()
    assert folder.process() is None


@pytest.mark.parametrize("pid", [0, -1, 2**40])
def test_a_process_that_cannot_be_does_not_live(pid):
    assert not Process(pid, time.time()).alive


def test_a_pid_that_was_given_to_another_is_not_the_same_process():
    own = Process.own()
    assert own.alive
    assert not Process(own.pid, own.started - 60).alive


def test_secrets_are_kept_from_processes_and_logs():
    env = {
        "HF_TOKEN": "hf_abcdef",
        "VLM_LAB_ADMIN": "correct horse",
        "AWS_PROFILE": "someone",
        "MY_API_KEY": "key-123456",
        "DB_PASSWORD": "abc",
        "PATH": "/bin",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HOME": "/cache",
    }
    assert without_secrets(env).keys() == {"PATH", "TOKENIZERS_PARALLELISM", "HF_HOME"}
    said = redacted("401 for hf_abcdef at key-123456, abc false", env)
    assert said == "401 for *** at ***, abc false"
