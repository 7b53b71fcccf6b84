# SPDX-License-Identifier: Apache-2.0

"""With --mcp every public endpoint is a tool for programs that speak the Model Context Protocol."""

import ast
import asyncio

import httpx
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
@pytest.mark.filterwarnings(
    "ignore:This MCP server includes a tool that has a gr.State"
)  # which programs leave as it is
def test_every_public_endpoint_is_a_tool_and_answers(tmp_path):
    settings = Settings(port=free_port(), device="cpu", mcp=True, runs=tmp_path)
    lab = app.open_lab(settings)
    page = app.build(lab)
    page.launch(**app.launch_options(lab), prevent_thread_lock=True, quiet=True)
    try:
        public = [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"]
        address = f"http://127.0.0.1:{settings.port}/gradio_api/mcp/"
        with open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg", "rb") as file:
            sent = httpx.post(f"http://127.0.0.1:{settings.port}/gradio_api/upload", files={"files": file})
        picture = f"http://127.0.0.1:{settings.port}/gradio_api/file={sent.json()[0]}"
        tools, answer = asyncio.run(ask(address, picture))
    finally:
        page.close()
    assert len(tools) == len(public) > 10
    assert all(tool.description for tool in tools.values())
    assert not answer.isError, answer
    scores, *_ = ast.literal_eval(answer.content[0].text)
    assert scores["cat"] > 0.8
