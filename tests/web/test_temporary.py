# SPDX-License-Identifier: Apache-2.0

"""What visitors left in the temporary folder goes with the process, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.app_fixture import free_port
from tests.raw import KITTEN
from tests.test_architecture import ROOT
from tests.waiting import until
from web.temporary import PREFIX, TemporaryRoot


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "before")
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())


def killed(parent):
    """The folder of a process that made one and was killed."""
    code = f"import os, signal; from pathlib import Path; from web.temporary import TemporaryRoot; TemporaryRoot(Path({str(parent)!r})); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    (left,) = parent.iterdir()
    (left / "gradio").mkdir()
    (left / "gradio" / "photo.jpg").write_bytes(b"private")
    return left


def test_all_temporary_files_of_the_process_are_in_one_private_folder(environment, tmp_path):
    before = tempfile.gettempdir()
    root = TemporaryRoot(tmp_path)
    assert Path(tempfile.mkdtemp()).parent == root.path
    assert os.environ["GRADIO_TEMP_DIR"] == str(root.path / "gradio")
    assert root.path.stat().st_mode & 0o777 == 0o700
    root.remove()
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == before


def test_the_folder_of_a_killed_process_goes_at_the_next_start(environment, tmp_path):
    left = killed(tmp_path)
    root = TemporaryRoot(tmp_path)
    assert not left.exists()
    root.remove()


def test_folders_of_the_living_of_others_and_links_stay(environment, tmp_path):
    living = TemporaryRoot(tmp_path)
    being_made = tmp_path / f"{PREFIX}new"
    being_made.mkdir()
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "lock").touch()
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(kept)
    TemporaryRoot(tmp_path).remove()
    assert living.path.exists()
    assert being_made.exists()
    assert (kept / "lock").exists()
    living.remove()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_no_picture_of_a_visitor_outlives_the_app(environment, tmp_path, ending):
    """With an upload that is still coming, and a page that is open."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a shell's background jobs ignore it
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heard,
    ) as app:
        address = f"http://127.0.0.1:{port}"
        assert address in app.stdout.readline()
        upload = {"files": ("kitten.jpg", KITTEN.read_bytes())}
        (kept,) = httpx.post(f"{address}/gradio_api/upload", files=upload, timeout=60).json()
        assert Path(kept).is_relative_to(tmp_path)

        def endless():
            yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
            while True:
                yield b"x" * 2**16
                if app.poll() is not None:
                    return
                if not told and any(tmp_path.glob("*/gradio/tmp*")):
                    told.append(True)
                    app.send_signal(ending)

        told: list[bool] = []
        form = {"content-type": "multipart/form-data; boundary=x"}
        # The connection breaks, or an answer comes in time: what counts is what is left.
        with httpx.stream("GET", f"{address}/gradio_api/heartbeat/somebody"), suppress(httpx.TransportError):
            httpx.post(f"{address}/gradio_api/upload", content=endless(), headers=form, timeout=30)
        assert told, "the upload was under way"
        _, errors = app.communicate(timeout=20)
    if ending == signal.SIGKILL:
        assert Path(kept).exists()
        root = TemporaryRoot(tmp_path)
        until(lambda: not Path(kept).exists())
        root.remove()
    else:
        assert (app.returncode, errors) == (0, "")
    assert list(tmp_path.iterdir()) == []
