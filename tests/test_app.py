"""The command itself: python app.py."""

import signal
import subprocess
import sys
import time

import pytest

from tests.app_fixture import free_port
from tests.test_architecture import ROOT


@pytest.mark.parametrize("seconds", [0, 0.5], ids=["at once", "while the model loads"])
def test_ctrl_c_ends_it_quietly(seconds):
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a shell's background jobs ignore it
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as app:
        assert f"http://127.0.0.1:{port}" in app.stdout.readline()
        time.sleep(seconds)
        app.send_signal(signal.SIGINT)
        _, errors = app.communicate(timeout=20)
    assert (app.returncode, errors) == (0, "")
