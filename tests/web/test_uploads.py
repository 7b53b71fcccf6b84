# SPDX-License-Identifier: Apache-2.0

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.raw import Raw
from tests.waiting import until
from web.uploads import WINDOW_S, UploadGuard, UploadQuota

FORM = {"content-type": "multipart/form-data; boundary=x"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


@pytest.fixture
def folder(page):
    """Where Gradio keeps uploads; it holds those of other tests too."""
    folder = Path(page.app.uploaded_file_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def part_files(folder):
    return {path for path in folder.iterdir() if path.is_file()}


class Gone(Exception):
    """The visitor closes the page."""


@pytest.mark.parametrize("path", ["gradio_api/upload", "admin/gradio_api/upload"])
def test_an_upload_that_breaks_off_leaves_nothing(url, folder, path):
    before, seen = part_files(folder), []

    def broken():
        yield HEAD
        for _ in range(1000):
            yield b"x" * 2**16
            seen.extend(part_files(folder) - before)
            if seen or path.startswith("admin"):
                raise Gone

    with pytest.raises(Gone):
        httpx.post(url + path, content=broken(), headers=FORM, timeout=30)
    assert seen or path.startswith("admin"), "the upload was under way"  # the admin page refuses strangers at once
    until(lambda: part_files(folder) <= before)


@pytest.mark.parametrize("sent", [b"x" * 1000, b'\r\n--x\r\nContent-Disposition: form-data; filename="b"\r\n\r\n'])
def test_an_upload_that_ends_before_its_end_or_is_malformed_leaves_nothing(url, folder, sent):
    before = part_files(folder)
    httpx.post(f"{url}gradio_api/upload", content=HEAD + sent, headers=FORM, timeout=30)
    until(lambda: part_files(folder) <= before)


def test_a_whole_upload_is_kept(url, folder):
    before = part_files(folder)
    files = [("files", ("a.txt", b"one")), ("files", ("b.txt", b"two"))]
    kept = httpx.post(f"{url}gradio_api/upload", files=files).json()
    assert [Path(one).read_bytes() for one in kept] == [b"one", b"two"]
    assert part_files(folder) <= before


@pytest.mark.slow
def test_a_file_that_is_used_leaves_no_empty_one_beside_it(url, folder):
    with Raw(url) as raw:
        picture = raw.kitten()
        before = part_files(folder)
        assert "kitten" in str(raw.ask("classify_many", files=[picture]))
        assert part_files(folder) <= before


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_client_may_send_so_much_in_an_hour_and_others_as_much():
    clock = Clock()
    quota = UploadQuota(100, clock)
    assert [quota.add("a", 40), quota.add("a", 60)] == [0, 0]
    clock.now = 600
    assert quota.add("a", 1) == WINDOW_S - 600
    assert quota.add("b", 100) == 0
    clock.now = WINDOW_S
    assert quota.add("a", 99) == 0
    assert quota.add("a", 1) == 600


def test_clients_and_their_parts_are_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr("web.uploads.MOST_CLIENTS", 3)
    quota = UploadQuota(10**9, Clock())
    for client in "abcde":
        for _ in range(100):
            quota.add(client, 1)
    assert list(quota._sent) == ["c", "d", "e"]
    assert [len(sent) for sent in quota._sent.values()] == [1, 1, 1]


def test_what_is_beyond_the_quota_is_refused_while_it_comes():
    """Three parts of 40 bytes with a quota of 100, twice: the second upload starts with what the first has left."""

    async def upload(guard, seen):
        parts = [{"type": "http.request", "body": b"x" * 40, "more_body": n < 2} for n in range(3)]
        sent = []

        async def receive():
            return parts.pop(0)

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/gradio_api/upload",
            "client": ("203.0.113.9", 1),
            "headers": [],
        }
        await guard(scope, receive, send)
        seen.append((sent[0]["status"], sent[-1]["body"]))

    async def reading(scope, receive, send):
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    seen = []
    for quota in (UploadQuota(120), UploadQuota(100), None):
        asyncio.run(upload(UploadGuard(reading, quota), seen))
    assert seen[0] == seen[2] == (200, b"fine")
    assert seen[1] == (429, b"More than 0 MB in an hour: try again in 60 minutes.")
