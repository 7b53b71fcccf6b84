"""How a handler runs what takes long: the queue it waits in, its progress, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

import gradio as gr

from core.engine import OnStep
from tabs._lab import Lab

DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 1}
"""For every event that runs a model: one queue for them all, because there is one device."""


def fetch_model(lab: Lab, name: str, progress: gr.Progress) -> None:
    """Have the chosen model on this machine, with its download shown as it goes."""
    if lab.models.catalog.path(name) is None:
        progress(0, desc=f"Downloading {name}")
        lab.models.catalog.fetch(
            name, lambda done, total: progress((done, total), desc=f"Downloading {name}", unit="bytes")
        )


def stepper(progress: gr.Progress, what: str) -> Callable[[int, int], None]:
    """The core's on_step(done, total) as Gradio's progress bar."""
    return lambda done, total: progress((done, total), desc=what)


Work = Callable[[OnStep, threading.Event], Any]


def stoppable(work: Work) -> Generator[tuple[int, int], None, Any]:
    """Run `work(on_step, stop)` in a thread, yielding (done, total) as it goes; returns what it returns.

    For handlers that are generators: when the visitor cancels or closes the page, Gradio closes the
    generator, which sets `stop`. A plain handler could not be told, and would run on unseen.
    """
    stop, news, outcome = threading.Event(), threading.Event(), {}
    steps = [(0, 0)]

    def step(done: int, total: int) -> None:
        steps[0] = (done, total)
        news.set()

    def run() -> None:
        try:
            outcome["value"] = work(step, stop)
        except Exception as error:
            outcome["error"] = error
        finally:
            news.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            if news.wait(0.2) and thread.is_alive():
                news.clear()
                yield steps[0]
    finally:
        stop.set()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def reported(
    steps: Generator[tuple[int, int], None, Any],
    what: str,
    progress: gr.Progress,
    told: Callable[[str], tuple[Any, ...]],
) -> Generator[tuple[Any, ...], None, Any]:
    """`stoppable` work as a progress bar, and in words: yields `told("what: 3 of 9")` as it goes, returns what the work
    returns."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            return end.value
        progress((done, total), desc=what)
        yield told(f"{what}: {done} of {total}")
