# SPDX-License-Identifier: Apache-2.0

"""Captions in a browser: written and opened step by step, stopped half-way, compared."""

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from core.assets import EXAMPLES_FOLDER
from tests.ui.steps import example, open_tab, upload


def test_a_caption_is_written_and_its_steps_open(visit):
    panel = open_tab(visit(), "captions")
    with panel.page.expect_response(re.compile("queue/join")):
        example(panel, "").click()
    panel.get_by_role("tab", name="MaGiC", exact=True).click()
    panel.get_by_role("button", name="Write a caption").click()
    steps = panel.get_by_role("slider", name="Step to open")
    expect(steps).not_to_have_attribute("max", "2", timeout=60_000)
    expect(panel.locator("img[alt*=plot]").filter(visible=True)).to_be_visible()


def test_a_caption_can_be_stopped_and_is_laid_open_as_far_as_it_goes(visit):
    page = visit()
    panel = open_tab(page, "captions")
    upload(panel.get_by_test_id("image"), str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"))
    expect(panel.get_by_test_id("image").locator("img")).to_be_visible()
    panel.get_by_role("tab", name="MaGiC", exact=True).click()
    panel.get_by_role("radio", name="as published", exact=True).check()
    expect(panel.get_by_role("spinbutton", name=re.compile("k: words"))).to_have_value("45")
    panel.get_by_role("button", name="Write a caption").click()
    caption = panel.get_by_role("textbox", name="Caption", exact=True).filter(visible=True)
    expect(caption).to_have_value(re.compile("[a-z]"), timeout=60_000)
    panel.get_by_role("button", name="Stop").filter(visible=True).click()
    expect(panel.locator("img[alt*=plot]").filter(visible=True)).to_be_visible()
    page.wait_for_timeout(1500)  # whatever went on would say more
    said = caption.input_value()
    page.wait_for_timeout(1500)
    assert caption.input_value() == said
    panel.get_by_role("button", name="Write a caption").click()  # and writes again
    expect(caption).not_to_have_value(said, timeout=60_000)


def test_methods_are_compared(visit):
    page = visit()
    panel = open_tab(page, "captions")
    upload(panel.get_by_test_id("image"), str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    expect(panel.get_by_test_id("image").locator("img")).to_be_visible()
    panel.get_by_role("tab", name="Compare", exact=True).click()
    panel.get_by_role("button", name="Compare").filter(visible=True).click()
    cell = panel.get_by_role("gridcell", name="MaGiC", exact=True).filter(visible=True)
    expect(cell).to_have_count(1, timeout=60_000)
    expect(panel.locator("img[alt*=plot]").filter(visible=True)).to_be_visible()
