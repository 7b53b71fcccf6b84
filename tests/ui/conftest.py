# SPDX-License-Identifier: Apache-2.0

"""A real browser on the running app, watched: what it must never do fails the test that did it."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ui.find_browser import browser, why_not

KNOWN = ("Method not implemented.",)  # Gradio's own upload box says so whenever a file is chosen
LEFT = re.compile(
    "AbortError|errored out"
)  # it says so of what it had asked for when a visitor goes to another address
QUIET = ("gpu", "quic", "background-networking", "component-update", "sync")


def pytest_collection_modifyitems(items):
    """Every test of this folder is marked `ui`."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.ui)


@pytest.fixture(scope="module")  # while it is open, an event loop runs, which would be in the way of other tests
def chromium():
    if browser() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why_not())
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in QUIET)]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), headless=True, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def visit(chromium, url):
    """visit(width, height, query): the page, opened as a new visitor, whose browser has these further options of Playwright's
    `new_context`. No errors, no warnings, no other host."""
    contexts, wrong = [], []

    def console(message):
        if message.type in ("error", "warning") and message.text not in KNOWN and not LEFT.search(message.text):
            wrong.append(f"{message.type}: {message.text}")

    def request(asked):
        address = urlsplit(asked.url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            wrong.append(f"request to {asked.url}")

    def open_page(width=1280, height=900, query="", **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("console", console)
        page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
        page.on("request", request)
        page.goto(url + query)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
