# SPDX-License-Identifier: Apache-2.0

"""Many visitors at once: nobody gets another's answer, the device runs one batch whatever the queue does, and nobody waits for
another's whole job. Who is served when is asked, not how long it took: that is for benchmarks/fairness.py."""

import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tabs._jobs import SHORT
from tests.public import from_stream
from tests.raw import DEFAULTS, Raw
from tests.waiting import until

pytestmark = pytest.mark.slow

USERS = 30
JOB = "Encoding the pictures"  # what the thread of /classify_many is called


class Watch:
    """Counts who is on the device at the same time, notes by their threads' names who was, and can hold them there."""

    def __init__(self):
        self.inside = self.most = 0
        self.served = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.lock = threading.Lock()


@pytest.fixture
def device(monkeypatch, app_lab):
    watch, engine = Watch(), app_lab.models.engine
    on_device = engine._on_device

    def watched(*args):
        with watch.lock:
            watch.inside += 1
            watch.served.append(threading.current_thread().name)
            watch.most = max(watch.most, watch.inside)
        try:
            watch.may_go.wait(20)
            return on_device(*args)
        finally:
            with watch.lock:
                watch.inside -= 1

    monkeypatch.setattr(engine, "_on_device", watched)
    yield watch
    watch.may_go.set()


@pytest.fixture
def raw(url):
    with Raw(url) as client:
        yield client


@pytest.fixture
def gate(app_lab):
    """Where those who want the device wait."""
    return app_lab.models.engine._gate


def test_thirty_at_once_are_answered_and_none_crossed(url, raw, device):
    kitten = raw.kitten()

    def visit(name):
        with Raw(url) as own:
            answered, text = own.ask("classify", image=kitten, labels=f"cat, thing number {name}")
        assert answered, text[:300]
        return set(from_stream("classify", text).answer) == {"cat", f"thing number {name}"}

    with ThreadPoolExecutor(USERS) as crowd:
        assert all(crowd.map(visit, range(USERS)))
    assert device.most == 1


def png(number):
    """A picture of its own."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_visitor_waits_for_one_batch_of_anothers_job(url, raw, device, gate):
    """He comes while the first batch of a long one is on the device, and each of his own calls passes the gate after one
    batch more."""
    assert raw.ask("classify", image=raw.kitten())[0]  # so that the model is loaded, and its details are known
    files = [raw.send_file(png(number)) for number in range(40)]
    picture = raw.send_file(png(1000))
    device.served.clear()
    device.may_go.clear()
    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(ask_many, url, files)
        until(lambda: device.inside == 1)
        visitor = pool.submit(raw.ask, "classify", image=picture, labels="what nobody asked before")
        until(lambda: gate.waiting == 1)
        device.may_go.set()
        assert visitor.result(60)[0]
        assert job.result(60)[0]
    batches = [name == JOB for name in device.served]
    own = [place for place, is_job in enumerate(batches) if not is_job]
    assert batches[0]
    assert own[0] == 1, "he is next"
    assert 2 <= len(own) <= 6
    assert max(later - earlier for earlier, later in itertools.pairwise(own)) <= 2, (
        "one batch of the job between two of his"
    )
    assert sum(batches[own[-1] :]) > 2, "and most of the job comes after him"
    assert device.most == 1


def ask_many(url, files):
    with Raw(url) as own:
        return own.ask("classify_many", files=files)


def join(raw, session, function, labels="cat, dog", image=None):
    data = list({**DEFAULTS["classify"], "labels": labels, "image": image}.values())
    return raw.post("gradio_api/queue/join", json={"data": data, "fn_index": function, "session_hash": session})


@pytest.fixture
def classify(raw):
    return next(one["id"] for one in raw.get("config").json()["dependencies"] if one["api_name"] == "classify")


def test_after_a_cancelled_job_the_device_still_runs_one(raw, device, gate, classify):
    kitten = raw.kitten()
    device.may_go.clear()
    event = join(raw, "leaver", classify, "cat, a label never seen before", kitten).json()["event_id"]
    until(lambda: device.inside == 1)
    with ThreadPoolExecutor(2) as pool:
        asked = {"session_hash": "leaver", "fn_index": classify, "event_id": event}
        cancelled = pool.submit(raw.post, "gradio_api/cancel", json=asked)
        later = pool.submit(raw.ask, "classify", image=kitten, labels="cat, another never seen label")
        until(lambda: gate.waiting == 1)
        assert (device.inside, device.most) == (1, 1)
        device.may_go.set()
        assert cancelled.result(20).status_code == 200
        assert later.result(20)[0]
    assert device.most == 1
    assert len(device.served) >= 2


def test_a_full_queue_says_so_and_the_page_still_answers(raw, device, gate, classify):
    kitten = raw.kitten()
    device.may_go.clear()
    running = SHORT["concurrency_limit"]
    for number in range(running):
        join(raw, f"runner-{number}", classify, f"cat, what nobody asked before {number}", kitten)
    until(lambda: gate.waiting == running - 1)
    replies = [join(raw, f"visitor-{number}", classify, labels="") for number in range(70)]
    busy = [reply for reply in replies if reply.status_code != 200]
    assert len(busy) == 70 - 64
    assert {reply.status_code for reply in busy} == {503}
    assert "full" in busy[0].text.lower()
    assert raw.get("").status_code == raw.get("config").status_code == 200
    assert raw.send_file(b"still uploads")["path"]
    device.may_go.set()
    until(lambda: raw.ask("classify", image=kitten)[0], 60)
