# SPDX-License-Identifier: Apache-2.0

"""The command itself: python app.py."""

import signal
import subprocess
import sys
import time

import pytest

import app
from core import images
from core.fifo import FifoSemaphore
from core.settings import Settings
from tests.app_fixture import free_port
from tests.test_architecture import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seconds", [0, 0.5], ids=["at once", "while the model loads"])
def test_ctrl_c_ends_it_quietly(seconds):
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a shell's background jobs ignore it
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as running:
        assert f"http://127.0.0.1:{port}" in running.stdout.readline()
        time.sleep(seconds)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (0, "")


def test_the_bound_on_decoded_pixels_is_the_settings(monkeypatch):
    monkeypatch.setattr(images, "_decoding", FifoSemaphore(1))
    app.open_lab(Settings(device="cpu", pixels_mb=7))
    assert images._decoding.free == 7 * 2**20
