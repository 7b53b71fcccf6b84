# SPDX-License-Identifier: Apache-2.0

"""Long work of a handler: what it reports, and how it is stopped."""

import threading
from types import SimpleNamespace

import gradio as gr
import pytest

from core.errors import Stopped, UserError
from tabs._jobs import downloaded, report, stoppable

AT_ONCE = 0.001  # seconds between reports


def run(work, **options):
    return stoppable(work, "Counting", gr.Progress(), lambda note: note, **options)


def ended(steps):
    """(reports, what it returns)."""
    reports = []
    while True:
        try:
            reports.append(next(steps))
        except StopIteration as end:
            return reports, end.value


def test_it_reports_what_it_does_how_far_it_is_and_for_how_long():
    times = iter([100.0, 104.4, 107.6])
    stepped, go_on = threading.Event(), threading.Event()

    def work(on_step, stop):
        on_step(1_000, 2_000)
        stepped.set()
        go_on.wait(20)
        return "counted"

    steps = run(work, every=AT_ONCE, clock=lambda: next(times, 200.0))
    next(steps)
    assert stepped.wait(20)
    reported = next(steps)
    go_on.set()
    _, value = ended(steps)
    assert reported == "Counting: 1,000 of 2,000, 8 s"
    assert value == "counted"


def test_a_total_that_is_not_known_is_not_shown():
    assert report("Reading", 0, 0, 3.2) == "Reading, 3 s"


def test_short_work_reports_nothing():
    assert ended(run(lambda on_step, stop: 7, every=20)) == ([], 7)


def test_its_error_is_the_handlers():
    def work(on_step, stop):
        raise UserError("There is nothing to count.")

    with pytest.raises(UserError, match="nothing to count"):
        ended(run(work))


def test_closing_it_stops_the_work():
    """Which is what Gradio does when a visitor presses Stop or closes the page."""
    told, stopped = threading.Event(), threading.Event()

    def work(on_step, stop):
        told.set() if stop.wait(20) else None
        try:
            on_step(1, 2)
        except Stopped:
            stopped.set()

    steps = run(work, every=AT_ONCE)
    next(steps)
    steps.close()
    assert told.wait(20), "stop is set"
    assert stopped.wait(20), "and on_step raises, for work that is not given stop"


def lab_without(name, fetch, places=2):
    catalog = SimpleNamespace(path=lambda asked: None if asked == name else "here", fetch=fetch)
    return SimpleNamespace(models=SimpleNamespace(catalog=catalog), downloads=threading.Semaphore(places))


def test_a_download_is_counted_in_megabytes_and_gives_its_place_back():
    stepped, go_on = threading.Event(), threading.Event()

    def fetch(name, on_step):
        on_step(5 << 20, 600 << 20)
        stepped.set()
        go_on.wait(20)

    lab = lab_without("far/away", fetch, places=1)
    steps = downloaded(lab, "far/away", gr.Progress(), lambda note: note)
    next(steps)
    stepped.wait(20)
    assert next(steps).startswith("Downloading far/away (MB): 5 of 600, ")
    with pytest.raises(UserError, match="downloaded here already"):
        next(downloaded(lab, "far/away", gr.Progress(), lambda note: note))
    assert list(downloaded(lab, "near", gr.Progress(), lambda note: note)) == []
    go_on.set()
    list(steps)
    assert lab.downloads.acquire(blocking=False)


def test_a_download_that_is_given_up_gives_its_place_back():
    given_up = threading.Event()

    def fetch(name, on_step):
        try:
            while True:
                on_step(1 << 20, 2 << 20)
        except Stopped:
            given_up.set()
            raise

    lab = lab_without("far/away", fetch, places=1)
    steps = downloaded(lab, "far/away", gr.Progress(), lambda note: note)
    next(steps)
    steps.close()
    assert given_up.wait(20)
    assert lab.downloads.acquire(blocking=False)
