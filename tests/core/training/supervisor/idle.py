# SPDX-License-Identifier: Apache-2.0

"""Runs with an idle process in the trainer's place."""

import os
import signal
import sys

from core.training.request import Request
from core.training.run_folder import CANCELLED, FINISHED
from core.training.supervisor.launch import Launcher
from core.training.supervisor.runs import Runs
from tests.core.training.toy import wait

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
