# SPDX-License-Identifier: Apache-2.0

"""Who came first is served first, whatever the threads do."""

import threading

import pytest

from core.errors import Stopped
from core.fifo import FifoSemaphore
from tests.waiting import until


def queue_up(semaphore, names, amount=1, order=None, leave=None):
    """Threads that come one after the other, and note their names when they are let in."""

    def come(name):
        with semaphore.hold(amount):
            order.append(name)
            if leave is not None:
                leave.wait(10)

    threads = []
    for name in names:
        before = semaphore.waiting
        threads.append(threading.Thread(target=come, args=(name,)))
        threads[-1].start()
        until(lambda before=before: semaphore.waiting == before + 1)
    return threads


def test_in_the_order_of_arrival():
    semaphore, order = FifoSemaphore(1), []
    semaphore.acquire()
    threads = queue_up(semaphore, "abcdefgh", order=order)
    semaphore.release()
    for thread in threads:
        thread.join(10)
    assert order == list("abcdefgh")
    assert (semaphore.free, semaphore.waiting) == (1, 0)


def test_who_gives_back_and_asks_again_stands_behind_those_who_wait():
    semaphore, order = FifoSemaphore(1), []
    semaphore.acquire()
    threads = queue_up(semaphore, "a", order=order)
    semaphore.release()
    with semaphore:  # a lock would mostly be had again at once
        assert order == ["a"]
    threads[0].join(10)


def test_weights_are_added_up_and_nobody_passes_one_that_needs_more():
    semaphore, order, leave = FifoSemaphore(10), [], threading.Event()
    semaphore.acquire(6)
    large = queue_up(semaphore, ["large"], 8, order, leave)
    small = queue_up(semaphore, ["small"], 2, order, leave)
    assert order == []  # 4 are free, and would be enough for the small one
    semaphore.release(6)
    until(lambda: len(order) == 2)
    assert (sorted(order), semaphore.free) == (["large", "small"], 0)  # both were let in at once
    leave.set()
    for thread in large + small:
        thread.join(10)
    assert semaphore.free == 10


def test_more_than_there_is_comes_alone():
    semaphore, order = FifoSemaphore(10), []
    semaphore.acquire(1)
    threads = queue_up(semaphore, ["huge"], 25, order)
    assert order == []
    semaphore.release(1)
    threads[0].join(10)
    assert (order, semaphore.free) == (["huge"], 10)


def test_a_smaller_capacity_lets_those_who_wait_in_all_the_same():
    semaphore, order = FifoSemaphore(10), []
    semaphore.acquire(10)
    threads = queue_up(semaphore, ["a"], 6, order)
    semaphore.resize(4)
    assert semaphore.free == -6
    semaphore.release(10)
    threads[0].join(10)
    assert (order, semaphore.free) == (["a"], 4)


def test_who_stops_waiting_leaves_no_trace():
    semaphore, order, stop = FifoSemaphore(1), [], threading.Event()
    semaphore.acquire()
    stop.set()
    with pytest.raises(Stopped), semaphore.hold(stop=stop):
        pytest.fail("let in")
    threads = queue_up(semaphore, "b", order=order)
    semaphore.release()
    threads[0].join(10)
    assert (order, semaphore.free, semaphore.waiting) == (["b"], 1, 0)
