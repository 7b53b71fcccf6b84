# SPDX-License-Identifier: Apache-2.0

"""What becomes of an answer: its link, its place among the last ones, what is asked of it next, and what goes wrong."""

import json
import re
from urllib.parse import quote_plus

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from tests.ui.steps import (
    answer,
    dog_on_its_side,
    example,
    fold_out,
    open_tab,
    opened,
    own_picture,
    primary,
)

OTHER_MODEL = "openai/clip-vit-base-patch32"  # a tiny one of that name lies in the tests' cache
CHANGED = {  # of each tab with a toolbar: the example, what its address says, and the field with the value asked for then
    "start": ("Dog", "dog-german-shepherd", "Words to choose from", "a lamp, a dog on a lead"),
    "classify": ("Dog", "dog-german-shepherd", "Labels", "a dog\na lamp"),
    "ask": ("Is there a dog?", "Is+there+a+dog", "Your question", "Is there a cat?"),
    "segment": ("Dog", "dog-german-shepherd", "What to find", "an animal"),
    "search": ("people making music", "people+making+music", "Words", "a castle"),
    "caption": ("Dog", "dog-german-shepherd", None, ""),
}


def copied_link(page, panel):
    panel.get_by_role("button", name="Copy link").filter(visible=True).click()
    expect(panel.get_by_text("Link copied.").filter(visible=True)).to_be_visible()
    return page.evaluate("navigator.clipboard.readText()")


def ask(page, panel):
    """Presses the button and waits for the address of the answer."""
    before = page.url
    primary(panel).click()
    expect(page).not_to_have_url(before)


def address_says(page, words):
    """The tab's own first answer changes the address too, and on a busy machine late."""
    expect(page).to_have_url(re.compile(re.escape(words)))


@pytest.mark.slow
def test_a_link_brings_the_same_answer_and_going_back_the_one_before(visit, url):
    clipboard = ["clipboard-read", "clipboard-write"]
    page, friend = visit(query="?tab=classify", permissions=clipboard), visit(query="?tab=ask")
    for tab, (title, said, field, value) in CHANGED.items():
        panel = open_tab(page, tab)
        first = answer(panel).inner_text()
        example(panel, title).click()
        address_says(page, said)
        expect(answer(panel)).not_to_have_text(first)
        if field:
            box = panel.get_by_role("textbox", name=field).first
            box.fill(value)
            primary(panel).click()
            address_says(page, quote_plus(value))
        link = copied_link(page, panel)
        assert link == page.url
        assert f"tab={tab}" in link
        friend.goto(link)
        theirs = opened(friend, tab)
        page.wait_for_timeout(500)  # the address comes with the answer, which is then drawn
        expect(answer(theirs)).to_have_text(answer(panel).inner_text())
        if field:
            expect(theirs.get_by_role("textbox", name=field).first).to_have_value(value)
        else:
            expect(theirs.locator(".inputs img").first).to_be_visible()

    later = answer(panel).inner_text()
    page.go_back()
    expect(answer(panel)).to_have_text(first)
    page.go_forward()
    expect(answer(panel)).to_have_text(later)

    panel = open_tab(page, "classify")
    own_picture(panel, dog_on_its_side())
    ask(page, panel)
    link = copied_link(page, panel)
    expect(panel.get_by_text("Your own picture stays here")).to_be_visible()
    assert "picture" not in link
    assert "dog.jpg" not in link


def test_an_answer_is_kept_in_this_browser_and_opened_again(visit, url):
    page = visit(query="?tab=classify")
    panel = opened(page, "classify")
    own_picture(panel, dog_on_its_side())
    ask(page, panel)
    expect(answer(panel)).to_have_text("dog")
    kept = page.locator("#last-answers")
    entry = kept.locator("li button").filter(has_text="Classify: dog")
    expect(entry).to_have_count(1)

    sent = []
    page.on("request", lambda request: sent.append((request.url, request.post_data_buffer or b"")))
    page.goto(f"{url}?tab=ask")
    opened(page, "ask")
    kept.locator("summary").click()
    expect(entry.locator("img")).to_be_visible()
    assert [
        address for address, body in sent if "gradio_api/upload" in address or b"JFIF" in body or b"base64" in body
    ] == []

    entry.click()
    expect(answer(page.locator("#tab-classify"))).to_have_text("dog")
    assert [address for address, _ in sent if "gradio_api/upload" in address]
    expect(page.locator("#tab-classify .error-panel")).to_have_count(0)
    kept.get_by_role("button", name="Forget them").click()
    expect(kept).to_be_hidden()
    page.goto(f"{url}?tab=ask")  # the address of before names no picture, so nothing is answered there
    opened(page, "ask")
    expect(entry).to_have_count(0)


def test_what_goes_wrong_is_said_above_the_answer_before(visit):
    page = visit(query="?tab=classify")
    panel = opened(page, "classify")
    error = panel.locator(".error-panel")

    def said(words):
        expect(error).to_contain_text(words)
        expect(error).to_have_role("alert")
        expect(answer(panel)).to_have_text("cat")
        expect(panel.get_by_text("Error", exact=True).filter(visible=True)).to_have_count(0)
        expect(page.get_by_test_id("toast-body")).to_have_count(0)

    labels = panel.get_by_role("textbox", name="Labels")
    labels.fill("")
    primary(panel).click()
    said("label")
    labels.fill("cat, dog")
    primary(panel).click()
    expect(error).to_have_count(0)
    panel.locator(".inputs").get_by_role("button", name="Remove image").click()
    primary(panel).click()
    said("Choose a picture first")
    own_picture(panel, {"name": "photo.png", "mimeType": "image/png", "buffer": b"these are words"})
    primary(panel).click()
    said("This file is not a picture the lab can read.")
    expect(error).not_to_contain_text("/")


def test_an_answer_is_questioned_compared_and_taken_home(visit):
    page = visit(query="?tab=classify")
    panel = opened(page, "classify")
    fold_out(panel, "What if?")
    panel.get_by_role("checkbox", name="upper left").check()
    panel.get_by_role("button", name="Ask again without it").click()
    change = panel.locator(".change")
    expect(change.get_by_role("columnheader")).to_have_text(["", "before", "after", "difference"])
    expect(change.get_by_role("rowheader")).to_have_count(4)
    panel.get_by_role("button", name="Draw the occlusion map").click()
    expect(panel.get_by_text(re.compile("How much each part adds to"))).to_be_visible()
    expect(panel.locator(".accordion, .gr-accordion").filter(has_text="Hide by").locator("figure svg")).to_be_visible()

    fold_out(panel, "Compare with another model")
    panel.get_by_role("combobox", name="The other model").click()
    page.get_by_role("option").filter(has_text=OTHER_MODEL).first.click()
    panel.get_by_role("button", name="Compare", exact=True).click()
    expect(panel.get_by_role("columnheader", name=OTHER_MODEL)).to_be_visible()
    expect(panel.locator(".side-by-side h4")).to_have_text(["embedded", OTHER_MODEL])

    with page.expect_download() as download:
        panel.get_by_role("button", name="Download as notebook").click()
    assert download.value.suggested_filename == "classify.ipynb"
    notebook = json.loads(download.value.path().read_text())
    assert notebook["nbformat"] == 4
    assert any("import" in "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
