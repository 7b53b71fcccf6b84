# SPDX-License-Identifier: Apache-2.0

"""A visitor who leaves ends his long job: by closing the page, and as a program that drops its stream."""

import threading

import pytest

from core.tasks import captioning
from tests.raw import DEFAULTS, Raw


class Job:
    """In the place of a comparison: takes until it is stopped, stepping."""

    def __init__(self):
        self.begun, self.stopped = threading.Event(), threading.Event()

    def __call__(self, models, pictures, names, on_step, stop):
        on_step(1, 100)
        self.begun.set()
        if stop.wait(60):
            self.stopped.set()


@pytest.fixture
def job(monkeypatch):
    job = Job()
    monkeypatch.setattr(captioning, "compare", job)
    return job


@pytest.fixture
def raw(url):
    with Raw(url) as client:
        yield client


def test_a_program_that_drops_its_stream(raw, job):
    body = {"data": list({**DEFAULTS["caption_compare"], "image": raw.kitten()}.values())}
    event = raw.post("gradio_api/call/caption_compare", json=body).json()["event_id"]
    with raw.stream("GET", f"gradio_api/call/caption_compare/{event}") as stream:
        reports = (line for line in stream.iter_lines() if "Writing captions: 1 of 100" in line)
        assert next(reports)
        assert not job.stopped.is_set()
    assert job.stopped.wait(20)


@pytest.fixture
def comparing(raw, job):
    """A page's comparison that is under way: its event, and the stream of what it says."""
    endpoints = raw.get("config").json()["dependencies"]
    compare = next(one["id"] for one in endpoints if one["api_name"] == "page_caption_compare")
    data = list({**DEFAULTS["caption_compare"], "image": raw.kitten()}.values())
    asked = {"data": data, "fn_index": compare, "session_hash": "leaver"}
    event = {"event_id": raw.post("gradio_api/queue/join", json=asked).json()["event_id"], **asked}
    with raw.stream("GET", "gradio_api/queue/data?session_hash=leaver") as stream:
        assert next(line for line in stream.iter_lines() if "Writing captions: 1 of 100" in line)
        assert not job.stopped.is_set()
        yield event, stream


def test_a_page_that_is_closed(comparing, job):
    comparing[1].close()
    assert job.stopped.wait(20)


def test_the_stop_button(raw, comparing, job):
    """Which is this request."""
    del comparing[0]["data"]
    assert raw.post("gradio_api/cancel", json=comparing[0]).status_code == 200
    assert job.stopped.wait(20)
