# SPDX-License-Identifier: Apache-2.0

"""Long jobs go through the engine in batches: as large as memory and those who wait allow."""

import threading

import pytest

from core.engine import HOLD_S, Engine
from core.errors import Stopped, UserError
from core.settings import Settings
from tests.core.toys import Toy, loads
from tests.waiting import until


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def in_full(monkeypatch):
    """Batches as large as they are asked for."""
    monkeypatch.setattr("core.engine.HOLD_S", 1e9)


def test_out_of_memory_once_halves_the_batch(engine, in_full):
    toy, steps = Toy(room=4), []
    results = engine.map("toy", loads(toy), "double", range(17), 8, lambda *step: steps.append(step))
    assert [n for part in results for n in part] == [2 * n for n in range(17)]
    assert toy.seen == [1, 2, 4, 8, 4, 4, 2]
    assert steps == [(n, 17) for n in (1, 3, 7, 11, 15, 17)]


@pytest.mark.slow
def test_out_of_memory_always_is_told_and_the_next_job_runs(engine, in_full):
    toy = Toy()
    list(engine.map("toy", loads(toy), "double", range(7), 8))
    toy.room, toy.seen = 0, []
    with pytest.raises(UserError, match="out of memory"):
        list(engine.map("toy", loads(toy), "double", range(10), 8))
    assert toy.seen == [8, 4]
    with pytest.raises(UserError, match="out of memory"):
        engine.call("toy", loads(toy), "double", [1])
    toy.room = 1000
    assert list(engine.map("toy", loads(toy), "double", [1, 2], 8)) == [[2, 4]]
    assert engine.unload("toy"), "nobody is left using it"


def test_stop_is_heard_between_batches(engine):
    toy, stop, kept = Toy(), threading.Event(), []

    def press_stop(done, total):
        if done == 3:
            stop.set()

    with pytest.raises(Stopped):
        kept.extend(engine.map("toy", loads(toy), "double", range(10), 2, press_stop, stop))
    assert kept == [[0], [2, 4]]
    assert toy.seen == [1, 2]


class Slow:
    """Takes `seconds` an item by the test's clock; `may_go` holds it back inside a batch."""

    nbytes = 1

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.batches, self.order = clock, seconds, [], []
        self.inside, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    def work(self, items):
        self.inside.set()
        self.may_go.wait(15)
        self.clock.now += self.seconds * len(items)
        self.batches.append(len(items))
        self.order.append(items[0])
        return items

    def add(self, number, items, factor=1):
        return [(number + item) * factor for item in items]


def test_a_batch_holds_the_gate_for_a_quarter_of_a_second():
    clock = Clock()
    engine = Engine(Settings(device="cpu"), clock)
    quick, heavy = Slow(clock, 1 / 128), Slow(clock, 7 / 64)
    for name, model in (("quick", quick), ("heavy", heavy)):
        list(engine.map((name, "1"), loads(model), "work", range(200), 64))
    assert quick.batches == [1, 2, 4, 8, 16, *[32] * 5, 9]
    assert heavy.batches == [1, *[2] * 99, 1]
    quick.seconds = 1 / 16  # as when another process came to this machine
    quick.batches.clear()
    list(engine.map(("quick", "1"), loads(quick), "work", range(40), 64))
    assert quick.batches == [32, 4, 4]
    assert max(n * heavy.seconds for n in heavy.batches) <= HOLD_S


def test_a_visitor_waits_for_one_batch_and_not_for_the_job(engine):
    """With a lock in the place of the gate the job goes on and on, and the visitor waits."""
    model, key = Slow(Clock(), 10), ("slow", "1")  # by that clock every batch is of one item
    engine._clock = model.clock
    list(engine.map(key, loads(model), "work", ["warm"], 8))
    model.may_go.clear()
    model.inside.clear()
    job = threading.Thread(
        target=lambda: list(engine.map(key, loads(model), "work", [f"job {n}" for n in range(5)], 8))
    )
    job.start()
    assert model.inside.wait(15)
    visitors = [
        threading.Thread(target=engine.call, args=(key, loads(model), "work", [name])) for name in ("first", "second")
    ]
    for number, visitor in enumerate(visitors, 1):
        visitor.start()
        until(lambda number=number: engine._gate.waiting == number)
    model.may_go.set()
    for thread in (job, *visitors):
        thread.join(15)
    assert model.order == ["warm", "job 0", "first", "second", "job 1", "job 2", "job 3", "job 4"]


def test_who_waits_at_the_gate_can_stop(engine):
    stop, raised = threading.Event(), []

    def job():
        try:
            list(engine.map("toy", loads(Toy()), "double", [1, 2], 2, stop=stop))
        except Stopped:
            raised.append("stopped")

    thread = threading.Thread(target=job)
    with engine._gate:
        thread.start()
        until(lambda: engine._gate.waiting == 1)
        stop.set()
        thread.join(15)
    assert raised == ["stopped"]
    assert engine.call("toy", loads(Toy()), "double", [1]) == [2]


def test_arguments_that_all_batches_share(engine):
    found = engine.map(("slow", "1"), loads(Slow(Clock(), 0)), "add", [1, 2, 3], 8, given=(10,))
    assert [number for part in found for number in part] == [11, 12, 13]
    found = engine.map(("slow", "1"), loads(Slow(Clock(), 0)), "add", [1, 2, 3], 8, given=(10,), after=(2,))
    assert [number for part in found for number in part] == [22, 24, 26]
