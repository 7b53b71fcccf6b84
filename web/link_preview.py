# SPDX-License-Identifier: Apache-2.0

"""What other sites show of a link to the lab, in the place of Gradio's own title, description and picture."""

from __future__ import annotations

import html
import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "VLM Lab"
DESCRIPTION = "Run vision-language models on your own pictures, and see what decided each answer."
PICTURE = "/preview.jpg"
THUMBNAIL = Path(__file__).parents[1] / "assets" / "thumbnail.jpg"
OTHERS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


class LinkPreview:
    """Puts the lab's own `og:` and `twitter:` tags (ogp.me) into its page, and serves their picture. A middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"] not in ("/", PICTURE):
            return await self.app(scope, receive, send)
        if scope["path"] == PICTURE:
            return await FileResponse(THUMBNAIL)(scope, receive, send)
        started: list[Message] = []
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await _send(started[0], bytes(body), Request(scope), send)

        await self.app(scope, receive, collect)


async def _send(start: Message, body: bytes, request: Request, send: Send) -> None:
    headers = MutableHeaders(scope=start)
    if headers.get("content-type", "").startswith("text/html") and request.method == "GET":
        body = OTHERS.sub(b"", body).replace(b"<head>", b"<head>" + _tags(request), 1)
        headers["content-length"] = str(len(body))
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _tags(request: Request) -> bytes:
    root = f"{request.url.scheme}://{request.url.netloc}"
    properties = {
        "og:type": "website",
        "og:title": TITLE,
        "og:description": DESCRIPTION,
        "og:url": str(request.url),
        "og:image": root + PICTURE,
    }
    tags = [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in properties.items()]
    tags += [
        '<meta name="twitter:card" content="summary_large_image">',
        f'<meta name="description" content="{html.escape(DESCRIPTION)}">',
    ]
    return "".join(tags).encode()
