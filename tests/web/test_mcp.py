# SPDX-License-Identifier: Apache-2.0

"""With --mcp every public endpoint is a tool for programs that speak the Model Context Protocol."""

import asyncio
import json

import pytest

import app
from core.assets import EXAMPLES_FOLDER
from core.settings import Settings
from tests.app_fixture import free_port

pytest.importorskip("mcp")
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

CHOICE = {"labels": "cat, dog", "template": "a photo of a {}", "scoring": "softmax", "model": "embedded"}


async def ask(address, picture):
    async with streamable_http_client(address) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        answer = await session.call_tool("classify", {"image": picture, **CHOICE})
        return tools, answer


@pytest.mark.slow
def test_every_public_endpoint_is_a_tool_and_answers(tmp_path):
    settings = Settings(port=free_port(), device="cpu", mcp=True, runs=tmp_path)
    lab = app.open_lab(settings)
    page = app.build(lab)
    page.launch(**app.launch_options(lab), prevent_thread_lock=True, quiet=True)
    try:
        public = {fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"}
        address = f"http://127.0.0.1:{settings.port}/gradio_api/mcp/"
        picture = f"http://127.0.0.1:{settings.port}/gradio_api/file={EXAMPLES_FOLDER / 'kitten-yarn-ball.jpg'}"
        tools, answer = asyncio.run(ask(address, picture))
    finally:
        page.close()
    assert {name.removeprefix("vlm_lab_") for name in tools} >= public
    assert all(tool.description for tool in tools.values())
    assert not answer.isError, answer
    scores = next(json.loads(part.text) for part in answer.content if '"cat"' in getattr(part, "text", ""))
    assert scores["cat"] > 0.8
