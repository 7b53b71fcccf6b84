# SPDX-License-Identifier: Apache-2.0

"""What the start says of /admin, and where there is none."""

import os
import subprocess
import sys

import httpx
import pytest

import app
from core.settings import Settings
from tests.app_fixture import ADMIN_PASSWORD, free_port
from tests.test_architecture import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "env", "why"),
    [
        (["--host", "0.0.0.0"], {}, "VLM_LAB_ADMIN holds no password"),
        ([], {"SPACES_ZERO_GPU": "true", "VLM_LAB_ADMIN": ADMIN_PASSWORD}, "Training runs are off on ZeroGPU"),
    ],
    ids=["open to others", "ZeroGPU"],
)
def test_where_it_is_off_there_is_no_admin_and_the_start_says_why(flags, env, why):
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu", *flags]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        assert why in process.stdout.readline()
        for path in ("admin", "admin/", "admin/config", "admin/gradio_api/info"):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}").status_code == 404, path
        assert why in httpx.get(f"http://127.0.0.1:{port}/config").text
        process.terminate()


def test_elsewhere_the_start_names_the_page_and_not_the_password():
    lab = app.open_lab(Settings(host="0.0.0.0", device="cpu", admin_password=ADMIN_PASSWORD))
    assert (
        app.admin_line(lab, "http://localhost/") == "Admin: http://localhost/admin/ (the password is in VLM_LAB_ADMIN)"
    )
