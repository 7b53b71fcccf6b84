# SPDX-License-Identifier: Apache-2.0

"""Gradio's queue, kept running: its background tasks are started again when they end by an exception."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
from gradio.queueing import Event, Queue

log = logging.getLogger(__name__)
MOST_SESSIONS = 500  # whose messages are kept until they are fetched
PAUSE_S = 0.1  # before a task is started again, so that one that fails at once does not take the processor


class SupervisedQueue(Queue):
    """In Gradio 6.31 any exception in `start_processing` cancels all running jobs and refuses all later ones until the
    process is restarted (docs/upstream/gradio-queue-stops.md). Here running and waiting jobs go on."""

    _closing = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._latest: OrderedDict[str, None] = OrderedDict()  # sessions, in the order of their latest messages
        self._latest_lock = threading.Lock()
        self.ANALYTICS_MAX_EVENTS = 1  # of 10,000, for /monitoring, which is shut

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:
        """Nothing: Gradio makes a table of all past events after each."""
        return {}

    def start(self) -> None:
        self._closing = False
        super().start()

    def close(self) -> None:
        self._closing = True
        super().close()

    def send_message(self, event: Event, event_message: Any) -> None:
        """What is meant for a session that has gone is dropped; the plain queue raises KeyError."""
        session = event.session_hash
        if session in self.pending_messages_per_session:
            super().send_message(event, event_message)
            with self._latest_lock:  # gr.Info sends from the thread of a handler
                self._latest[session] = None
                self._latest.move_to_end(session)
                self._forget_unread()

    async def start_processing(self) -> None:
        await self._keep_running(super().start_processing)

    async def start_progress_updates(self) -> None:
        await self._keep_running(super().start_progress_updates)

    async def notify_clients(self) -> None:
        await self._keep_running(super().notify_clients)

    def _cancel_asyncio_tasks(self) -> None:
        if self._closing:
            super()._cancel_asyncio_tasks()

    def _forget_unread(self) -> None:
        """Drop what was not fetched by the sessions that have heard nothing for the longest time, and have no job.

        The plain queue keeps every answer that nobody fetches, up to those of 2,000 sessions, and then drops the sessions
        that came first, those that wait for a job included.
        """
        surplus = len(self._latest) - MOST_SESSIONS
        if surplus > 0:
            with_jobs = {event.session_hash for event in self.event_ids_to_events.values()}
            for session in list(itertools.islice(self._latest, surplus)):
                if session not in with_jobs:
                    del self._latest[session]
                    self.pending_messages_per_session.pop(session, None)
                    self.pending_event_ids_session.pop(session, None)

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
