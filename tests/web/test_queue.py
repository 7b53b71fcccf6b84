# SPDX-License-Identifier: Apache-2.0

"""The page's queue outlives what is done to it: raw requests against the running app."""

import asyncio
import logging
import threading
from types import SimpleNamespace

import pytest

from tests.raw import DEFAULTS, Raw
from tests.waiting import until
from web.queue import SupervisedQueue


@pytest.fixture
def raw(url):
    with Raw(url) as client:
        yield client


@pytest.fixture
def classify(page, raw):
    """classify(session) queues a job of a session, and gives its event id; image and all are valid."""
    index = next(number for number, fn in page.fns.items() if fn.api_name == "classify")
    image = raw.kitten()

    def join(session):
        data = list({**DEFAULTS["classify"], "image": image}.values())
        data += [None] * (len(page.fns[index].inputs) - len(data))
        return raw.post("gradio_api/queue/join", json={"data": data, "fn_index": index, "session_hash": session})

    return join


def finished(raw, session):
    """All that the queue tells a session, to the end."""
    return raw.get("gradio_api/queue/data", params={"session_hash": session}).text


@pytest.mark.slow
def test_two_joins_with_an_empty_session_stop_nobody(page, raw, classify, app_lab):
    with app_lab.models.engine._gate:  # so that the first job runs while the others come
        assert classify("visitor1").status_code == 200
        assert classify("visitor2").status_code == 200
        assert [classify("").status_code for _ in range(2)] == [400, 400]
    for session in ("visitor1", "visitor2"):
        assert '"success":true' in finished(raw, session)
    assert raw.ask("classify", image=raw.kitten())[0]


@pytest.mark.slow
def test_a_session_lost_while_its_job_waits_stops_nobody(page, raw, classify, app_lab):
    """Gradio holds the messages of 2,000 sessions, and drops the oldest beyond."""
    with app_lab.models.engine._gate:
        assert [classify(session).status_code for session in ("early", "lost", "late")] == [200] * 3
        del page._queue.pending_messages_per_session["lost"]
    assert '"success":true' in finished(raw, "early")
    assert '"success":true' in finished(raw, "late")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["waiting", "idle"])
def test_a_processing_task_that_fails_is_started_again(page, raw, classify, app_lab, monkeypatch, caplog, moment):
    queue, failed = page._queue, threading.Event()

    def fail_once(*args):
        if not failed.is_set():
            failed.set()
            raise KeyError("made up for this test")

    caplog.set_level(logging.ERROR, "web.queue")
    if moment == "waiting":  # one job runs and one waits when the task ends
        with app_lab.models.engine._gate:
            assert classify("running").status_code == 200
            monkeypatch.setattr(queue, "get_events", fail_once)
            assert classify("waiting").status_code == 200
            assert failed.wait(10)
            monkeypatch.undo()
        assert '"success":true' in finished(raw, "running")
        assert '"success":true' in finished(raw, "waiting")
    else:  # as the task ends with a job that was just started
        monkeypatch.setattr(type(queue), "broadcast_estimations", lambda self, *a: None if len(a) > 1 else fail_once())
        assert classify("started").status_code == 200
        assert '"success":true' in finished(raw, "started")
        assert failed.is_set()
    assert not queue.stopped
    assert raw.ask("classify", image=raw.kitten())[0]
    assert "start_processing of the queue failed and is started again" in caplog.text
    assert "made up for this test" in caplog.text


def test_answers_that_nobody_fetches_are_not_kept_without_end(page, raw, monkeypatch):
    monkeypatch.setattr("web.queue.MOST_SESSIONS", 3)
    sent = {"data": list(DEFAULTS["classify"].values())}
    ours = {raw.post("gradio_api/call/classify", json=sent).json()["event_id"] for _ in range(6)}
    until(lambda: not ours & set(page._queue.event_ids_to_events))
    raw.ask("classify", labels=" ")
    assert len(ours & set(page._queue.pending_messages_per_session)) <= 3
    assert len(ours & set(page._queue.pending_event_ids_session)) <= 3
    assert len(page._queue.event_analytics) == 1  # of 10,000, and none of them summed up


def test_those_that_wait_for_a_job_are_not_forgotten_for_others(page, monkeypatch):
    monkeypatch.setattr("web.queue.MOST_SESSIONS", 3)
    queue = SupervisedQueue(True, 1, 1, None, page)
    for number in range(8):
        event = SimpleNamespace(_id=f"event {number}", session_hash=f"session {number}", alive=True)
        queue.pending_messages_per_session[event.session_hash] = asyncio.Queue()
        queue.pending_event_ids_session[event.session_hash] = {event._id}
        if number in (0, 2):
            queue.event_ids_to_events[event._id] = event
        queue.send_message(event, SimpleNamespace())
    kept = ["session 0", "session 2", "session 5", "session 6", "session 7"]
    assert list(queue.pending_messages_per_session) == list(queue.pending_event_ids_session) == kept


def test_a_closed_queue_is_not_started_again(page):
    assert page._queue.max_size == 64
    queue = SupervisedQueue(True, 1, 1, None, page)

    async def closed_while_it_fails():
        task = asyncio.create_task(queue.start_processing())
        await asyncio.sleep(0.02)
        queue.close()
        await asyncio.wait_for(task, 5)

    asyncio.run(closed_while_it_fails())
    assert queue.stopped
