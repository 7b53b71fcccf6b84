# SPDX-License-Identifier: Apache-2.0

"""A run is started so that it keeps out of the server's way."""

import os
import sys

import psutil
import pytest

from core.training.run_folder import RunFolder
from core.training.supervisor import launch
from core.training.supervisor.launch import NICENESS, Launcher, environment, spare_threads
from tests.core.training.toy import wait

SAY = """import os, psutil, torch
names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT", "PYTHONUNBUFFERED")
print({name: os.environ.get(name) for name in names}, torch.get_num_threads(), psutil.Process().nice(), "end")
raise SystemExit(74)"""


class Saying(Launcher):
    def command(self, folder):
        return [sys.executable, "-c", SAY]


@pytest.fixture
def three_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)


@pytest.mark.slow
def test_one_thread_fewer_that_wait_asleep_at_a_lower_priority(tmp_path, three_cores, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    folder, statuses = RunFolder(tmp_path), []
    Saying().start(folder, statuses.append)
    wait(lambda: statuses)
    said = folder.log.read_text()
    assert said.startswith("--- started 20")
    for words in ("'OMP_NUM_THREADS': '2'", "'OMP_WAIT_POLICY': 'PASSIVE'", "'KMP_BLOCKTIME': '0'"):
        assert words in said
    niceness = max(NICENESS, psutil.Process().nice())
    assert f"'GOMP_SPINCOUNT': '0', 'PYTHONUNBUFFERED': '1'}} 2 {niceness} end" in said
    assert statuses == [74]


def test_the_trainer_is_told_how_many_threads(tmp_path, three_cores):
    command = Launcher(tmp_path / "models", "cpu").command(RunFolder(tmp_path / "run"))
    assert command[1:] == [
        *("-m", "core.training", str(tmp_path / "run"), "--device", "cpu", "--threads", "2"),
        *("--models", str(tmp_path / "models")),
    ]


def test_there_is_always_a_thread_and_fewer_stay_fewer(monkeypatch, three_cores):
    assert (
        environment({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "64", "HF_TOKEN": "secret"})["OMP_NUM_THREADS"] == "1"
    )
    assert environment({"MKL_NUM_THREADS": "64"})["MKL_NUM_THREADS"] == "2"
    assert "HF_TOKEN" not in environment({"HF_TOKEN": "secret"})
    monkeypatch.setattr(launch.os, "sched_getaffinity", lambda pid: {0})
    assert spare_threads() == 1
