"""Many visitors at once: nobody gets another's answer, and the device runs one job whatever the queue does."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.raw import DEFAULTS, Raw
from tests.waiting import until

pytestmark = pytest.mark.slow

USERS = 30


class Watch:
    """Counts who is on the device at the same time, and can hold them there."""

    def __init__(self):
        self.inside = self.most = self.entries = 0
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
            watch.entries += 1
            watch.most = max(watch.most, watch.inside)
        try:
            watch.may_go.wait(20)
            time.sleep(0.01)
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


def test_thirty_at_once_are_answered_and_none_crossed(url, raw, device):
    kitten = raw.kitten()

    def visit(name):
        labels = f"cat, thing number {name}"
        with Raw(url) as own:
            begin = time.perf_counter()
            answered, text = own.ask("classify", image=kitten, labels=labels)
            seconds = time.perf_counter() - begin
        assert answered, text[:300]
        answer = json.loads(text.rpartition("data: ")[2])[0]
        return {entry["label"] for entry in answer["confidences"]} == {"cat", f"thing number {name}"}, seconds

    visit("zero")
    alone = sorted(visit(f"alone {n}")[1] for n in range(5))[2]
    with ThreadPoolExecutor(USERS) as crowd:
        seen = list(crowd.map(visit, range(USERS)))
    assert all(own for own, _ in seen)
    p95 = sorted(seconds for _, seconds in seen)[int(0.95 * USERS)]
    print(f"alone {alone:.2f} s, p95 of {USERS} {p95:.2f} s")
    assert p95 <= 1.5 * USERS * alone
    assert device.most == 1


def join(raw, session, function, labels="cat, dog", image=None):
    data = list({**DEFAULTS["classify"], "labels": labels, "image": image}.values())
    return raw.post("gradio_api/queue/join", json={"data": data, "fn_index": function, "session_hash": session})


@pytest.fixture
def classify(raw):
    return next(one["id"] for one in raw.get("config").json()["dependencies"] if one["api_name"] == "classify")


def test_after_a_cancelled_job_the_device_still_runs_one(raw, device, classify):
    kitten = raw.kitten()
    device.may_go.clear()
    event = join(raw, "leaver", classify, "cat, a label never seen before", kitten).json()["event_id"]
    until(lambda: device.inside == 1)
    cancelled = raw.post("gradio_api/cancel", json={"session_hash": "leaver", "fn_index": classify, "event_id": event})
    assert cancelled.status_code == 200
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(raw.ask, "classify", image=kitten, labels="cat, another never seen label")
        time.sleep(1)
        assert (device.inside, device.most) == (1, 1)
        device.may_go.set()
        assert later.result(20)[0]
    assert device.most == 1
    assert device.entries >= 2


def test_a_full_queue_says_so_and_the_page_still_answers(raw, device, classify):
    kitten = raw.kitten()
    device.may_go.clear()
    join(raw, "first", classify, "cat, what nobody asked before", kitten)
    until(lambda: device.inside == 1)
    replies = [join(raw, f"visitor {n}", classify, labels="") for n in range(70)]  # cheap: refused once they run
    busy = [reply for reply in replies if reply.status_code != 200]
    assert busy
    assert {reply.status_code for reply in busy} == {503}
    assert "full" in busy[0].text.lower()
    assert raw.get("").status_code == raw.get("config").status_code == 200
    assert raw.send_file(b"still uploads")["path"]
    device.may_go.set()
    until(lambda: raw.ask("classify", image=kitten)[0])
