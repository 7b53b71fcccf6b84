# SPDX-License-Identifier: Apache-2.0

"""What must not work: uploads that are no pictures, and paths and links in their place."""

import io
import shutil
import socket
import threading

import pytest
from PIL import Image

from tests.hostile.refusal import refusal
from tests.raw import KITTEN, file

pytestmark = pytest.mark.slow


@pytest.fixture
def listener():
    """A server on this machine that counts who calls."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    calls.append(server.accept()[0].close())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", calls
        stop.set()
        thread.join()


def png(size):
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"only words", "not a picture"),
        (b"%PDF-1.7\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (KITTEN.read_bytes()[:3000], "damaged or cut off"),
        (png((10_000, 10_000)), "too many pixels"),
        (png((20_000, 20_000)), "too many pixels"),
        (png((1, 10_000)), "too thin"),
    ],
    ids=["empty", "words", "pdf", "svg", "truncated", "100 megapixels", "400 megapixels", "strip"],
)
def test_what_is_no_picture_gets_a_plain_message(raw, content, message):
    assert message in refusal(raw, image=raw.send_file(content))


def test_postscript_named_png_starts_no_program(raw, monkeypatch, tmp_path):
    """A gs on the PATH that leaves a mark when it is run."""
    mark, fake = tmp_path / "ran", tmp_path / "gs"
    fake.write_text(f"#!/bin/sh\ntouch {mark}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    assert shutil.which("gs") == str(fake)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert "not a picture" in refusal(raw, image=raw.send_file(eps))
    assert not mark.exists()


@pytest.mark.parametrize("marked", [True, False], ids=["marked as a file", "unmarked"])
def test_files_of_this_machine_are_out_of_reach(raw, tmp_path, marked):
    own = tmp_path / "private.png"
    Image.open(KITTEN).save(own)
    upload = raw.kitten()["path"]
    for path in (str(own), "/etc/passwd", "app.py", f"{upload}/../../../../../..{own}", f"file://{own}"):
        refusal(raw, image=file(path=path) if marked else {"path": path})
        refusal(raw, "search", image=file(path=path) if marked else {"path": path})


def test_links_are_not_fetched(raw, listener):
    address, calls = listener
    for link in (f"{address}/x.png", "http://169.254.169.254/latest", "data:image/png;base64,aGk="):
        for image in (file(path=link), {"path": link}, file(url=link), {"path": None, "url": link}):
            refusal(raw, image=image)
    assert "not followed" in refusal(raw, image=file(path=f"{address}/x.png"))
    assert raw.get(f"gradio_api/proxy={address}/").status_code == 400
    raw.get(f"gradio_api/file={address}/", follow_redirects=False)
    assert calls == []


def test_files_over_http_are_uploads_and_assets_only(raw):
    for path in (
        "file=/etc/passwd",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file/etc/passwd",
        "gradio_api/file=app.py",
        "gradio_api/file=assets/../app.py",
        f"gradio_api/file={KITTEN.parents[2]}/app.py",
        f"gradio_api/file={KITTEN.parent}/..%2f..%2fapp.py",
        "static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    ):
        reply = raw.get(path)
        assert reply.status_code in (403, 404), path
        assert "root:" not in reply.text
        assert "import gradio" not in reply.text
