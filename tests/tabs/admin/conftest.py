# SPDX-License-Identifier: Apache-2.0

"""A lab of its own, whose runs are a toy's and train in no process: a sleeping one stands in."""

import sys

import gradio as gr
import pytest

import app
from core.settings import Settings
from core.training.request import Request
from core.training.run_folder import FINISHED
from core.training.supervisor.launch import Launcher
from tests.core.training.toy import numbers, toy, wait  # noqa: F401  a fixture


class SleepingLauncher(Launcher):
    def command(self, folder):
        return [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def progress():
    return gr.Progress()


@pytest.fixture
def lab(tmp_path, toy):  # noqa: F811
    made = app.open_lab(Settings(device="cpu", runs=tmp_path / "runs"))
    made.runs.launcher = SleepingLauncher()
    yield made
    for row in made.runs._table.rows():
        end(made, row.id)


def end(lab, id):
    """Kill the sleeping process."""
    import psutil

    process = lab.runs._table.row(id).process
    if process and process.alive and process.pid != psutil.Process().pid:
        psutil.Process(process.pid).kill()
        wait(lambda: not process.alive)


@pytest.fixture
def examples(tmp_path):
    return numbers(tmp_path / "numbers")


@pytest.fixture
def running(lab, examples):
    """The id of a run that trains."""
    return lab.runs.start(Request("toy", "numbers", {"steps": 20}, name="mine"), examples)


@pytest.fixture
def finished(lab, running):
    end(lab, running)
    folder = lab.runs.folder(running)
    for step, error in ((0, 0.5), (10, 0.25)):
        folder.append_metrics({"step": step, "loss": 1.0, "eval_loss": 2.0, "error": error, "memory_mb": 9.0})
    folder.write_predictions("before", folder.examples()[:2], ["0.1", "0.2"])
    folder.write_predictions("after", folder.examples()[:2], ["0.0", "0.05"])
    folder.write_status(FINISHED)
    return running
