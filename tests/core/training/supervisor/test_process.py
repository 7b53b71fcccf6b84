# SPDX-License-Identifier: Apache-2.0

import subprocess
import sys

import pytest

from core.errors import UserError
from core.training.request import Request
from core.training.run_folder import INTERRUPTED
from core.training.supervisor.process import Process
from tests.core.training.supervisor.idle import idle_runs, kill

pytestmark = pytest.mark.slow


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
