"""Gradio's queue, kept running: its background tasks are started again when they end by an exception."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
from gradio.queueing import Event, Queue

log = logging.getLogger(__name__)
PAUSE_S = 0.1  # before a task is started again, so that one that fails at once does not take the processor


class SupervisedQueue(Queue):
    """In Gradio 6.31 any exception in `start_processing` cancels all running jobs and refuses all later ones until the
    process is restarted (docs/upstream/gradio-queue-stops.md). Here running and waiting jobs go on."""

    _closing = False

    def start(self) -> None:
        self._closing = False
        super().start()

    def close(self) -> None:
        self._closing = True
        super().close()

    def send_message(self, event: Event, event_message: Any) -> None:
        """What is meant for a session that has gone is dropped; the plain queue raises KeyError."""
        if event.session_hash in self.pending_messages_per_session:
            super().send_message(event, event_message)

    async def start_processing(self) -> None:
        await self._keep_running(super().start_processing)

    async def start_progress_updates(self) -> None:
        await self._keep_running(super().start_progress_updates)

    async def notify_clients(self) -> None:
        await self._keep_running(super().notify_clients)

    def _cancel_asyncio_tasks(self) -> None:
        if self._closing:
            super()._cancel_asyncio_tasks()

    async def _keep_running(self, task: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await task()
            except Exception:
                log.exception("%s of the queue failed and is started again", task.__name__)
                self.stopped = self._closing  # start_processing sets it on its way out
            await asyncio.sleep(PAUSE_S)


def supervise(page: gr.Blocks) -> None:
    """Give a page, before it is launched, a supervised queue with the options of the one it has."""
    plain = page._queue
    page._queue = SupervisedQueue(
        live_updates=plain.live_updates,
        concurrency_count=plain.max_thread_count,
        update_intervals=plain.update_intervals,
        max_size=plain.max_size,
        blocks=page,
        default_concurrency_limit=plain.default_concurrency_limit,
    )
