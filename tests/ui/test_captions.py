# SPDX-License-Identifier: Apache-2.0

"""Captions in a browser: chosen when the tab opens, written step by step, stopped half-way, compared."""

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from tests.ui.steps import answer, opened, primary


@pytest.mark.slow
def test_a_caption_is_written_opened_stopped_and_compared(visit):
    page = visit(query="?tab=caption")
    panel = opened(page, "caption")
    drawn = panel.locator(".why figure svg").filter(visible=True).first
    panel.get_by_role("radio", name="Write (MaGiC)").check()
    expect(primary(panel)).to_have_text("Write a caption")
    primary(panel).click()
    step = panel.get_by_role("spinbutton", name=re.compile("Step to open"))
    expect(step).to_be_visible(timeout=60_000)
    first = drawn.get_attribute("aria-label")
    step.fill("2")
    step.press("Enter")
    expect(drawn).not_to_have_attribute("aria-label", first)

    written = answer(panel).inner_text()
    panel.get_by_role("radio", name="as published").check()  # which writes another
    expect(answer(panel)).not_to_have_text(written, timeout=60_000)
    panel.get_by_role("button", name="Stop").filter(visible=True).first.click()
    expect(panel.get_by_text("Stopped.").filter(visible=True)).to_be_visible()
    expect(drawn).to_be_visible()
    page.wait_for_timeout(1000)  # whatever went on would say more
    said = answer(panel).inner_text()
    page.wait_for_timeout(1000)
    assert answer(panel).inner_text() == said

    panel.get_by_role("radio", name="Compare", exact=True).check()
    expect(primary(panel)).to_have_text("Compare")
    primary(panel).click()
    cell = panel.locator(".numbers td").get_by_text("MaGiC", exact=True)
    expect(cell).to_have_count(1, timeout=60_000)
    expect(drawn).to_be_visible()
