# SPDX-License-Identifier: Apache-2.0

"""How a handler runs what takes long: the queue it waits in, what it says meanwhile, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import gradio as gr

from core.engine import OnStep
from core.errors import Stopped, UserError
from tabs._lab import Lab
from tabs._texts import texts

SAID = texts("jobs")
# The engine's gate is what is serial. These bounds keep some of Gradio's 40 threads, and the memory of pictures that wait,
# for other events: however many long jobs there are, short ones come through, and so do redrawing and listing.
SHORT: dict[str, Any] = {"concurrency_id": "short", "concurrency_limit": 16}
"""For events that run a model a few times."""
SEARCH: dict[str, Any] = {"concurrency_id": "search", "concurrency_limit": 8}
"""For searches in galleries and banks, which are short, too, once their vectors are computed."""
LONG: dict[str, Any] = {"concurrency_id": "long", "concurrency_limit": 8}
"""For events that run a model for many pictures, captions or tokens."""
AT_OPENING: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
"""For what is listed anew when a page opens: it is not to keep the first answer waiting."""
EVERY_S = 0.5  # seconds between two reports of a job: as long as a closed page may go unnoticed
# Before the first report. Gradio loses sight of a generator that is cancelled before it has given anything.
FIRST_S = 0.05

T = TypeVar("T")
Work = Callable[[OnStep, threading.Event], T]
Note = Callable[[str], Any]  # what a handler gives to change its status line alone


def stoppable(
    work: Work[T],
    what: str,
    progress: gr.Progress,
    note: Note,
    every: float = EVERY_S,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Any, None, T]:
    """Run `work(on_step, stop)` in a thread, yielding `note("what: 3 of 9, 4 s")` as it goes; returns what it returns.

    For handlers that are generators: when a visitor presses Stop or closes the page, Gradio closes the generator, which
    sets `stop`; `on_step` raises Stopped from then on. A plain handler could not be told, and would run on unseen.
    """
    stop, ended = threading.Event(), threading.Event()
    steps = [(0, 0)]
    results: list[T] = []
    errors: list[Exception] = []

    def step(done: int, total: int) -> None:
        if stop.is_set():
            raise Stopped
        steps[0] = (done, total)

    def run() -> None:
        try:
            results.append(work(step, stop))
        except Exception as error:
            errors.append(error)
        finally:
            ended.set()

    began = clock()
    threading.Thread(target=run, name=what, daemon=True).start()
    try:
        wait = min(FIRST_S, every)
        while not ended.wait(wait):
            wait = every
            done, total = steps[0]
            if total:
                progress((done, total), desc=what)
            yield note(report(what, done, total, clock() - began))
    finally:
        stop.set()
    if errors:
        raise errors[0]
    return results[0]


def report(what: str, done: int, total: int, seconds: float) -> str:
    """Where a job stands, in words; a total of 0 is not known yet."""
    if not total:
        return SAID("progress_unknown", what=what, seconds=f"{seconds:.0f}")
    return SAID("progress", what=what, done=f"{done:,}", total=f"{total:,}", seconds=f"{seconds:.0f}")


def downloaded(lab: Lab, name: str, progress: gr.Progress, note: Note) -> Generator[Any, None, None]:
    """Have the chosen model on this machine. Yields how far its download is, where there is one to make."""
    if lab.models.catalog.path(name) is not None:
        return
    if not lab.downloads.acquire(blocking=False):
        raise UserError(SAID.downloads_full)

    def fetch(on_step: OnStep, stop: threading.Event) -> None:
        lab.models.catalog.fetch(name, lambda done, total: on_step(done >> 20, total >> 20))

    try:
        yield from stoppable(fetch, SAID("downloading", name=name), progress, note)
    finally:
        lab.downloads.release()


def stepper(progress: gr.Progress, what: str) -> OnStep:
    """The core's on_step(done, total) as Gradio's progress bar."""
    return lambda done, total: progress((done, total), desc=what)


def stops(button: gr.Button, events: Sequence[Any], note: gr.Markdown) -> None:
    """The button ends what these events began, as closing the page does."""
    button.click(lambda: SAID.stopped, None, note, cancels=list(events), api_visibility="private")
