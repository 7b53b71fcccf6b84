# SPDX-License-Identifier: Apache-2.0

"""What every story in the browser does: open a tab, hand over a file, click an example."""

import io

import pytest
from PIL import Image

from tabs import all_tabs

pytest.importorskip("playwright")
from playwright.sync_api import expect

expect.set_options(timeout=15_000)


def open_tab(page, tab):
    """By its button, or on a phone by the menu of those that do not fit, which fills a moment after the page shows."""
    title = next(one.title for one in all_tabs() if one.id == tab)
    expect(page.get_by_role("tab").first).to_be_visible()
    page.wait_for_timeout(500)
    tab_button = page.get_by_role("tab", name=title, exact=True)
    if tab_button.filter(visible=True).count():
        tab_button.click()
    else:
        page.get_by_role("button", name="More tabs").first.click()
        page.locator(".overflow-dropdown").get_by_role("button", name=title, exact=True).first.click()
    panel = page.locator(f"#tab-{tab}")
    expect(panel).to_be_visible()
    return panel


def fits(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]


def fold_out(panel, name):
    panel.get_by_role("button", name=name).click()


def upload(box, *files):
    box.locator("input[type=file]").first.set_input_files(list(files))


def picture(colour="red", size=(200, 150), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def example(panel, text):
    """The first that shows this text; some are pictures alone."""
    examples = panel.locator("tr.tr-body, button.gallery-item")
    return (examples.filter(has_text=text) if text else examples).first


def top_answer(panel):
    return panel.get_by_test_id("label-output-value")
