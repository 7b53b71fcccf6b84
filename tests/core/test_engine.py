# SPDX-License-Identifier: Apache-2.0

"""The engine under threads, under a small budget and without memory, with toy models."""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from core.cache import ArrayCache
from core.device import is_out_of_memory
from core.engine import HOLD_S, Engine
from core.errors import Stopped, UserError
from core.models.inference import Models
from core.settings import Settings
from tests.waiting import until

MB = 2**20
OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


@dataclass
class Toy:
    """Doubles numbers. `room` is the longest batch that fits its memory; `jobs` counts who is inside."""

    nbytes: int = 10 * MB
    room: int = 1000
    seen: list = field(default_factory=list)
    jobs: int = 0
    most_jobs: int = 0

    def double(self, items):
        self.jobs += 1
        self.most_jobs = max(self.most_jobs, self.jobs)
        time.sleep(0.002)
        self.jobs -= 1
        self.seen.append(len(items))
        if len(items) > self.room:
            raise OUT_OF_MEMORY
        return [2 * item for item in items]


def loads(toy):
    return lambda device, dtype: toy


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def engine():
    return Engine(Settings(device="cpu", memory_mb=25))


@pytest.fixture
def in_full(monkeypatch):
    """Batches as large as they are asked for."""
    monkeypatch.setattr("core.engine.HOLD_S", 1e9)


def test_one_job_at_a_time(engine):
    toy, loaded, results = Toy(), [], {}

    def load(device, dtype):
        loaded.append((device.type, dtype))
        time.sleep(0.05)
        return toy

    def work(n):
        results[n] = [number for part in engine.map("toy", load, "double", [n] * 20, 5) for number in part]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [2 * n] * 20 for n in range(8)}
    assert toy.most_jobs == 1
    assert loaded == [("cpu", torch.float32)]


def test_many_who_want_one_model_load_it_once(engine):
    loaded, start = [], threading.Barrier(8)

    def load(device, dtype):
        loaded.append(1)
        time.sleep(0.02)
        return Toy()

    def hold():
        start.wait()
        with engine.lease("toy", load):
            pass

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [1]
    assert engine.unload("toy")


def test_the_least_recently_used_goes_first(engine):
    for key in ("a", "b", "a", "c"):
        engine.call(key, loads(Toy()), "double", [1])
    assert engine.resident == ["a", "c"]


def test_a_model_in_use_stays(engine):
    held = Toy()
    with engine.lease("held", loads(held)) as model:
        for key in ("b", "c", "d"):
            engine.call(key, loads(Toy()), "double", [1])
        assert model is held
        assert "held" in engine.resident
        assert not engine.unload("held")
    assert engine.unload("held")
    assert "held" not in engine.resident
    assert not engine.unload("held")


def test_a_model_above_the_budget_still_runs(engine):
    assert engine.call("big", loads(Toy(nbytes=100 * MB)), "double", [1]) == [2]


def test_out_of_memory_once_halves_the_batch(engine, in_full):
    toy, steps = Toy(room=4), []
    results = engine.map("toy", loads(toy), "double", range(17), 8, lambda *step: steps.append(step))
    assert [n for part in results for n in part] == [2 * n for n in range(17)]
    assert toy.seen == [1, 2, 4, 8, 4, 4, 2]
    assert steps == [(n, 17) for n in (1, 3, 7, 11, 15, 17)]


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


def test_out_of_memory_while_loading_drops_the_others(engine):
    engine.call("old", loads(Toy()), "double", [1])
    attempts = []

    def load(device, dtype):
        attempts.append(engine.resident)
        if len(attempts) == 1:
            raise RuntimeError("MPS backend out of memory")
        return Toy()

    assert engine.call("new", load, "double", [3]) == [6]
    assert attempts == [["old"], []]


def test_a_model_that_never_fits_is_told_and_others_still_load(engine):
    def load(device, dtype):
        raise OUT_OF_MEMORY

    with pytest.raises(UserError, match="not enough memory"):
        engine.call("huge", load, "double", [1])
    assert engine.resident == []
    assert engine.call("small", loads(Toy()), "double", [1]) == [2]


def test_other_errors_pass_through_and_free_the_gate(engine):
    class Broken(Toy):
        def double(self, items):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(engine.map("broken", loads(Broken()), "double", [1], 1))
    assert engine.call("toy", loads(Toy()), "double", [1]) == [2]
    assert not is_out_of_memory(RuntimeError("size mismatch"))


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


def test_a_loaded_model_answers_while_another_is_loaded(engine):
    engine.call("here", loads(Toy()), "double", [1])
    loading, go_on, answers = threading.Event(), threading.Event(), []

    def load(device, dtype):
        loading.set()
        go_on.wait(15)
        return Toy()

    newcomers = [
        threading.Thread(target=lambda: answers.append(engine.call("new", load, "double", [3]))) for _ in range(2)
    ]
    for thread in newcomers:
        thread.start()
    assert loading.wait(15)
    assert engine.call("here", loads(Toy()), "double", [2]) == [4]
    assert answers == []
    go_on.set()
    for thread in newcomers:
        thread.join(15)
    assert answers == [[6], [6]]


def test_a_model_evicted_at_the_gate_is_loaded_again(engine):
    answers = []
    with engine._gate:
        thread = threading.Thread(target=lambda: answers.append(engine.call("a", loads(Toy()), "double", [1])))
        thread.start()
        until(lambda: engine._gate.waiting == 1)
        assert engine.unload("a")  # nobody uses it who only waits
    thread.join(15)
    assert answers == [[2]]


def test_arguments_that_all_batches_share(engine):
    found = engine.map(("slow", "1"), loads(Slow(Clock(), 0)), "add", [1, 2, 3], 8, given=(10,))
    assert [number for part in found for number in part] == [11, 12, 13]
    found = engine.map(("slow", "1"), loads(Slow(Clock(), 0)), "add", [1, 2, 3], 8, given=(10,), after=(2,))
    assert [number for part in found for number in part] == [22, 24, 26]


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UserError, match="--device cuda"):
        _ = Engine(Settings(device="cuda")).device


def test_cache_is_bounded_in_bytes():
    cache = ArrayCache(max_bytes=10 * 400)
    for n in range(100):
        cache.put(n, np.zeros((50, 100), np.float32)[n % 50])  # a row of a larger array
        cache.get(0)
    assert cache.nbytes == 4000
    assert len(cache) == 10
    assert cache.get(0) is not None, "just used"
    assert cache.get(0).base is None, "the larger array is not kept alive"
    assert cache.get(50) is None
    cache.put(0, np.zeros(50, np.float32))
    assert cache.nbytes == 4000 - 200
    cache.put("wide", np.zeros(10_000, np.float32))
    assert cache.get("wide") is None
    assert cache.nbytes <= 4000


def test_cache_is_keyed_by_model_and_content(models, images, monkeypatch):
    first, second = "openai/clip-vit-base-patch32", "google/siglip-base-patch16-224"
    once = models.embed_images(first, [images[0], images[1], images[0].copy()])
    np.testing.assert_array_equal(once[0], once[2])
    assert len(models.engine.cache) == 2
    models.embed_images(second, images[:2])
    models.embed_texts(first, ["a cat", "a cat"])
    assert len(models.engine.cache) == 5
    monkeypatch.setattr(models.engine, "map", None)  # from here on nothing may be computed
    np.testing.assert_array_equal(models.embed_images(first, images[:2]), once[:2])


def test_device_work_passes_the_gpu_boundary_of_spaces(monkeypatch, models, texts):
    """On a ZeroGPU Space `spaces.GPU` runs the function in a forked process: what goes in must pickle."""
    import pickle
    import sys
    from types import SimpleNamespace

    crossed = []

    def gpu(function):
        def decorated(*args):
            crossed.append(args[2])
            return function(*pickle.loads(pickle.dumps(args)))

        return decorated

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    lab = Models(Engine(Settings(device="cpu")))
    vectors = lab.embed_texts("openai/clip-vit-base-patch32", texts)
    assert set(crossed) == {"embed_texts"}
    assert np.allclose(vectors, models.embed_texts("openai/clip-vit-base-patch32", texts), atol=1e-6)
