"""Checks of a request's form, before Gradio sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION = re.compile(r"[a-z0-9-]{1,64}")  # the page sends letters and digits, gradio_client a UUID
API = re.compile(r"(?:/admin)?/gradio_api/(.*)", re.DOTALL)  # the page's own API and that of the admin page
UPLOAD = re.compile(r"(?:/admin)?/gradio_api/upload/?")
IN_PATH = re.compile(r"(?:heartbeat|stream)/([^/]*).*", re.DOTALL)  # a session, or an event, in the path


class RequestCheck:
    """Answers 400 to requests of Gradio's API whose session id is malformed, or whose body is no JSON object.

    Gradio takes any string as a session id: with an empty one its queue stops for everybody
    (docs/upstream/gradio-queue-stops.md). Bodies are read whole, so a limit on their size must stand in front.
    Uploads are streamed through unread; they name no session.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        api = API.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if api is None:
            return await self.app(scope, receive, send)
        sessions: list[Any] = QueryParams(scope["query_string"]).getlist("session_hash")
        if in_path := IN_PATH.fullmatch(api[1]):
            sessions.append(in_path[1])
        if scope["method"] == "POST" and not UPLOAD.fullmatch(scope["path"]):
            body = await _read(receive)
            if body is None:  # the client has gone
                return
            receive = _replay(body, receive)
            try:
                fields = json.loads(body)
            except (ValueError, RecursionError):
                fields = None
            if not isinstance(fields, dict):
                return await _refuse("The body must be a JSON object.", scope, receive, send)
            if fields.get("session_hash") is not None:
                sessions.append(fields["session_hash"])
        if not all(isinstance(one, str) and SESSION.fullmatch(one) for one in sessions):
            return await _refuse("session_hash must be 1 to 64 of a-z, 0-9 and -.", scope, receive, send)
        await self.app(scope, receive, send)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the client left before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then whatever comes."""
    first: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replayed() -> Message:
        return next(first, None) or await receive()

    return replayed


async def _refuse(why: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": why}, 400)(scope, receive, send)
