# SPDX-License-Identifier: Apache-2.0

"""What visitors upload: how much of it, and that nothing of a broken upload stays behind."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio import route_utils
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.body_limit import UPLOAD_PATHS
from web.clients import client_of

WINDOW_S = 3600  # as long as Gradio keeps an upload
ENTRY_S = 60  # what comes within it is one entry, so that a client costs 60 entries at most
MOST_CLIENTS = 10_000  # remembered at the same time

_part_files: ContextVar[list[Any]] = ContextVar("part_files")  # that Gradio opened for the request at hand


class UploadQuota:
    """How many bytes each client sent in the past hour, those of uploads in progress included. Safe between threads."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes, self._clock = max_bytes, clock
        self._lock = threading.Lock()
        self._sent: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()  # times and bytes, oldest first

    def add(self, client: str, size: int) -> float:
        """Count `size` bytes that a client sent; 0, or the seconds after which it may send again if that was too much."""
        with self._lock:
            now = self._clock()
            sent = self._sent.setdefault(client, deque())
            self._sent.move_to_end(client)
            while sent and sent[0][0] <= now - WINDOW_S:
                sent.popleft()
            if sent and now - sent[-1][0] < ENTRY_S:
                sent[-1] = (sent[-1][0], sent[-1][1] + size)
            else:
                sent.append((now, size))
            if len(self._sent) > MOST_CLIENTS:
                self._sent.popitem(last=False)
            return sent[0][0] + WINDOW_S - now if sum(one for _, one in sent) > self.max_bytes else 0


class UploadGuard:
    """Answers 429 to uploads beyond a client's quota, and removes the part files of those that ended early.

    Gradio 6.31 writes each file of an upload to a part file, which it renames once the upload is whole, and leaves where
    the client goes away.
    """

    def __init__(self, app: ASGIApp, quota: UploadQuota | None) -> None:
        self.app, self.quota = app, quota
        route_utils.NamedTemporaryFile = _recorded_temporary_file  # type: ignore[attr-defined]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in UPLOAD_PATHS:
            return await self.app(scope, receive, send)
        client, wait = client_of(scope), 0.0

        async def counted() -> Message:
            nonlocal wait
            message = await receive()
            if self.quota:
                wait = wait or self.quota.add(client, len(message.get("body", b"")))
            return {"type": "http.disconnect"} if wait else message

        async def unless_refused(message: Message) -> None:
            if not wait:
                await send(message)

        part_files: list[Any] = []
        token = _part_files.set(part_files)
        try:
            await self.app(scope, counted, unless_refused)
        except ClientDisconnect:  # theirs, or the one made up above
            pass
        finally:
            _part_files.reset(token)
            for file in part_files:
                file.close()
                Path(file.name).unlink(missing_ok=True)
        if wait:
            assert self.quota
            text = f"More than {self.quota.max_bytes / 2**20:.0f} MB in an hour: try again in {wait / 60:.0f} minutes."
            await PlainTextResponse(text, 429, {"retry-after": f"{wait:.0f}"})(scope, receive, send)


def _recorded_temporary_file(*args: Any, **kwargs: Any) -> Any:
    file = tempfile.NamedTemporaryFile(*args, **kwargs)  # noqa: SIM115  closed when the request ends
    if (part_files := _part_files.get(None)) is not None:
        part_files.append(file)
    return file
