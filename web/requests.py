# SPDX-License-Identifier: Apache-2.0

"""Checks of a request's form, before Gradio sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.json_body import parse_object

SESSION = re.compile(r"[a-z0-9-]{1,64}")  # the page sends letters and digits, gradio_client a UUID
IN_PATH = re.compile(r"(?:heartbeat|stream)/([^/]*).*", re.DOTALL)  # a session, or an event, in the path
NAME = re.compile(r"(call/v2|call|run|api)/([^/]+)/?")

BY_NAME = "The body must hold the endpoint's parameters by their names: see 'Use via API' at the foot of the page."


class RequestCheck:
    """Answers requests of Gradio's API that Gradio would choke on. A middleware of a Gradio app.

    400: a session id that no client makes (with an empty one Gradio's queue stops for everybody, see
    docs/upstream/gradio-queue-stops.md), a body that is no JSON object. 404: a function that the page does not have.
    413: more values than any page sends. 415: a body of another kind. Gradio is given the body as it was understood here.

    Bodies are read whole, so a limit on their size must stand in front. Uploads are streamed through unread; they name no
    session.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = f"{scope.get('root_path', '')}/gradio_api/"  # a mounted page has a root path
        if scope["type"] != "http" or not scope["path"].startswith(prefix):
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(prefix)
        try:
            fields: dict[str, Any] | None = None  # of a body that was read
            sessions: list[Any] = QueryParams(scope["query_string"]).getlist("session_hash")
            if in_path := IN_PATH.fullmatch(path):
                sessions.append(in_path[1])
            if scope["method"] == "POST" and path != "upload":
                if Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                    raise HTTPException(415, "The body must be application/json.")
                body = await _read(receive)
                if body is None:  # the client has gone
                    return
                fields = parse_object(body)
                receive = _replay(orjson.dumps(fields), receive)
                if fields.get("session_hash") is not None:
                    sessions.append(fields["session_hash"])
            if not all(isinstance(one, str) and SESSION.fullmatch(one) for one in sessions):
                raise HTTPException(400, "session_hash must be 1 to 64 of a-z, 0-9 and -.")
            if path == "deep_link":  # Gradio would write a file of the whole page for each, and never remove it
                raise HTTPException(404, "This page offers no links to its state.")
            if fields is not None:
                _check_function(scope["app"].get_blocks(), path, fields)
        except HTTPException as refused:
            return await _refuse(refused, scope, receive, send)
        try:
            await self.app(scope, receive, send)
        except TypeError:  # a parameter that is unknown or missing, before anything was answered
            if not path.startswith("call/v2/"):
                raise
            await _refuse(HTTPException(400, BY_NAME), scope, receive, send)


def _check_function(page: gr.Blocks, path: str, fields: dict[str, Any]) -> None:
    """Raises HTTPException where a request names a function, or a component, that the page does not have."""
    named = NAME.fullmatch(path)
    if named and named[1] in ("run", "api") and fields.get("fn_index") is not None:
        named = None  # the page itself asks for run/predict, by number
    if named and named[2] not in {fn.api_name for fn in page.fns.values()}:
        raise HTTPException(404, f"There is no endpoint called {named[2][:100]}.")
    for field, known in (("fn_index", page.fns), ("component_id", page.blocks)):
        number = fields.get(field)
        if number is not None and (type(number) is not int or number not in known):
            raise HTTPException(404, f"There is no {field} {str(number)[:100]}.")
    number = fields.get("fn_index")
    if number is not None and path != "cancel" and page.fns[number].fn is None:
        raise HTTPException(404, f"What fn_index {number} does, a browser does by itself.")


async def _refuse(refused: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": refused.detail}, refused.status_code)(scope, receive, send)


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
