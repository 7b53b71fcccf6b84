# SPDX-License-Identifier: Apache-2.0

"""The engine under threads, under a small budget and without memory, with toy models."""

import threading
import time

import numpy as np
import pytest
import torch

from core.device import is_out_of_memory
from core.engine import Engine
from core.errors import UserError
from core.models.inference import Models
from core.settings import Settings
from tests.core.toys import MB, OUT_OF_MEMORY, Toy, loads
from tests.waiting import until


@pytest.fixture
def engine():
    return Engine(Settings(device="cpu", memory_mb=25))


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


@pytest.mark.slow
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
