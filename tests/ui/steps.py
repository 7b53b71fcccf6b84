# SPDX-License-Identifier: Apache-2.0

"""What every story in the browser does: open a tab, wait for its answer, hand over a file, click an example."""

import io

import pytest
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from tabs import all_tabs

pytest.importorskip("playwright")
from playwright.sync_api import expect

expect.set_options(timeout=20_000)
TITLES = {tab.id: tab.title for tab in all_tabs()}
EVIL = '<img src=x onerror="window.hacked=1">'


def tab_button(page, tab):
    """Of the strip, which scrolls where it does not fit."""
    return page.locator(f"#tab-{tab}-button")


def open_tab(page, tab):
    """By its button; the first example of a task is then answered."""
    tab_button(page, tab).click()
    return opened(page, tab)


def opened(page, tab):
    """The tab's panel, once it is shown with an answer, after its own button or an address."""
    panel = page.locator(f"#tab-{tab}")
    expect(panel).to_be_visible()
    expect(answer(panel)).to_be_visible()
    return panel


def answer(panel):
    """What the answer says first: a word or a sentence, or what the colours of a painted picture stand for."""
    return panel.locator(".result").locator(".headline, .legend").filter(visible=True).first


def primary(panel):
    return panel.locator("button.primary").filter(visible=True).first


def example(panel, title):
    return panel.locator(".strip button").filter(has_text=title).first


def fits(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]


def fold_out(panel, name):
    panel.get_by_role("button", name=name).click()


def upload(box, *files):
    box.locator("input[type=file]").first.set_input_files(list(files))


def own_picture(panel, file):
    """In the place of the tab's picture, by taking that away first."""
    inputs = panel.locator(".inputs").get_by_test_id("image").first
    if inputs.locator("img").count():
        inputs.get_by_role("button", name="Remove image").click()
        expect(inputs.locator("img")).to_have_count(0)
    upload(inputs, file)
    expect(inputs.locator("img")).to_be_visible()


def picture(colour="red", size=(200, 150), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def dog_on_its_side():
    """A visitor's own photograph, as a phone saves it: lying, with a mark that says which side is up."""
    dog = Image.open(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    dog.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    return {"name": "my dog.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
