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

CAT = {"labels": "cat, dog", "model": "embedded"}
UPLOADED = {"_type": "gradio.FileData"}


def calls(path, address):
    """What each tool is asked, beside its defaults, and what the answer about the kitten, or the gallery, has in it."""
    seen, kitten = {"image": f"{address}file={path}"}, {"path": path, "meta": UPLOADED}
    return {
        "classify": (seen | CAT, "[{'cat': 0.99"),
        "classify_many": ({"files": [kitten]} | CAT, "[['cat', 0.99"),
        "answer_question": (seen | {"question": "What animal is this?"}, "[{'cat': 0.9"),
        "segment": (
            seen | {"prompts": "a kitten, a bicycle", "anyway": False},
            "['a bicycle', '0.0%', 'probably not in this picture']",
        ),
        "segment_like": (seen | {"example": seen["image"], "box": ""}, "[['like the example', '24.1%'"),
        "recall": ({}, "['words to pictures', 0.439"),
        "search": ({"query": "a kitten with a ball of wool"}, "[{'id': 'kitten-yarn-ball'"),
        "describe": (seen, "[{'id': 'cat-"),
        "rerank": (
            {"query": "a kitten", "ranking_json": [{"id": "kitten-yarn-ball"}]},
            "[{'id': 'kitten-yarn-ball', 'score'",
        ),
        "caption_asif": (seen | {"removed": []}, "['a black and white cat"),
        "caption_magic": (seen | {"max_length": 8}, "['a cat"),
        "caption_compare": (seen | {"files": [], "methods": ["ASIF"]}, "'ASIF', 'caption': 'a black and white cat"),
    }


async def ask_all(address, asked):
    async with streamable_http_client(f"{address}mcp/") as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        return tools, {name: await session.call_tool(name, sent) for name, (sent, _) in asked.items()}


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:This MCP server includes a tool that has a gr.State"
)  # which programs leave as it is
def test_every_public_endpoint_is_a_tool_and_answers(hub_cache, tmp_path):
    settings = Settings(port=free_port(), device="cpu", mcp=True, runs=tmp_path)
    lab = app.open_lab(settings)
    page = app.build(lab)
    page.launch(**app.launch_options(lab), prevent_thread_lock=True, quiet=True)
    try:
        public = [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"]
        address = f"http://127.0.0.1:{settings.port}/gradio_api/"
        with open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg", "rb") as file:
            [path] = httpx.post(f"{address}upload", files={"files": file}).json()
        asked = calls(path, address)
        tools, answers = asyncio.run(ask_all(address, asked))
    finally:
        page.close()
    assert sorted(tools) == sorted(asked)
    assert len(tools) == len(public)
    assert all(tool.description for tool in tools.values())
    told = {name: " ".join(getattr(part, "text", "") for part in answer.content) for name, answer in answers.items()}
    assert {name: told[name] for name, answer in answers.items() if answer.isError} == {}
    assert {name: text[:300] for name, text in told.items() if asked[name][1] not in text} == {}
    assert ast.literal_eval(told["classify"])[0]["cat"] > 0.8
