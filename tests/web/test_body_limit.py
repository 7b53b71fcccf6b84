# SPDX-License-Identifier: Apache-2.0

import asyncio

import pytest

from web.body_limit import BodyLimit


def send(body_parts, path="/api", declared=None):
    """What BodyLimit answers to a POST of these parts: (status, whether the app saw the whole body)."""
    sent, seen = [], []

    async def app(scope, receive, reply):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            seen.append(message["body"])
            if not message.get("more_body"):
                break
        await reply({"type": "http.response.start", "status": 200, "headers": []})
        await reply({"type": "http.response.body", "body": b"fine"})

    parts = [
        {"type": "http.request", "body": part, "more_body": i + 1 < len(body_parts)}
        for i, part in enumerate(body_parts)
    ]

    async def receive():
        return parts.pop(0)

    async def reply(message):
        sent.append(message)

    headers = [(b"content-length", str(declared).encode())] if declared is not None else []
    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(BodyLimit(app, max_bytes=100, upload_bytes=1000)(scope, receive, reply))
    return sent[0]["status"], b"".join(seen) == b"".join(body_parts)


@pytest.mark.parametrize(
    ("parts", "options", "status"),
    [
        ([b"x" * 100], {}, 200),
        ([b"x" * 60, b"x" * 60], {}, 413),  # no length declared, sent in chunks
        ([b"x"], {"declared": 101}, 413),
        ([b"x" * 500], {"path": "/gradio_api/upload"}, 200),
        ([b"x" * 1001], {"path": "/gradio_api/upload"}, 413),
        ([b"x" * 500], {"path": "/admin/gradio_api/upload"}, 200),
        ([b"x" * 101], {"path": "/gradio_api/call/upload"}, 413),  # a function, whatever it is called
        ([b"x" * 101], {"path": "/upload"}, 413),
        ([b"x" * 101], {"path": "/gradio_api/upload/"}, 413),
    ],
)
def test_bodies_over_the_limit_get_413(parts, options, status):
    got, whole = send(parts, **options)
    assert got == status
    assert whole == (status == 200)
