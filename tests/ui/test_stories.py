# SPDX-License-Identifier: Apache-2.0

"""What visitors come for, from beginning to end: labels of one's own, a follow-up question, a threshold, a gallery."""

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

from core.assets import EXAMPLES_FOLDER
from tests.ui.steps import EVIL, answer, fold_out, open_tab, opened, own_picture, picture, primary, upload


def test_labels_questions_and_prompts_of_ones_own(visit):
    page = visit(query="?tab=classify")
    panel = opened(page, "classify")
    panel.get_by_role("textbox", name="Labels").fill(EVIL)
    primary(panel).click()
    expect(answer(panel)).to_have_text("Probably none of these")
    expect(panel.locator(".bars .name")).to_have_text([EVIL])
    assert page.evaluate("window.hacked") is None
    fold_out(panel, "Many pictures at once")
    panel.get_by_role("button", name="Try it with a cat and a dog").click()
    expect(panel.get_by_text("2 pictures, 4 labels")).to_be_visible()
    expect(panel.locator(".why figure svg").first).to_be_visible()

    panel = open_tab(page, "ask")
    own_picture(panel, str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    for question, said in (("Is there a dog?", "yes"), ("What animal is this?", "dog")):
        panel.get_by_role("textbox", name="Your question").fill(question)
        primary(panel).click()
        expect(answer(panel)).to_have_text(said)

    panel = open_tab(page, "segment")
    before = answer(panel).inner_text()
    slider = panel.get_by_role("spinbutton", name=re.compile("Threshold"))
    slider.fill("0.05")
    slider.press("Enter")
    expect(answer(panel)).not_to_have_text(before)


def test_captions_for_a_picture_recall_and_a_gallery_of_ones_own(visit):
    page = visit(query="?tab=search")
    panel = opened(page, "search")
    own_picture(panel, str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    panel.get_by_role("button", name="Find captions").click()
    expect(answer(panel)).to_have_text(re.compile("A German shepherd dog stands on dry grass"))
    panel.locator(".inputs").get_by_role("button", name="Remove image").click()
    fold_out(panel, "How good is it?")
    panel.get_by_role("button", name="Measure", exact=True).click()
    expect(panel.get_by_role("gridcell", name=re.compile(r"^0\.\d+$")).first).to_be_visible()
    expect(panel.get_by_text("found this first; its own came at").first).to_be_visible()

    fold_out(panel, "A gallery of your own")
    captions = f'file,caption\nred.jpg,"{EVIL.replace(chr(34), chr(34) * 2)}"\nblue.jpg,a blue wall\n'
    box = panel.locator(".block").filter(has_text="captions.csv").filter(has=page.locator("input[type=file]")).last
    upload(
        box,
        {"name": "red.jpg", "mimeType": "image/jpeg", "buffer": picture("red")},
        {"name": "blue.jpg", "mimeType": "image/jpeg", "buffer": picture("blue", (150, 200))},
        {"name": "captions.csv", "mimeType": "text/csv", "buffer": captions.encode()},
    )
    expect(box.get_by_text("captions").first).to_be_visible()
    expect(box.get_by_text("blue").first).to_be_visible()
    panel.get_by_role("button", name="Add to my gallery").click()
    expect(panel.get_by_text("Added 2.")).to_be_visible()
    fold_out(panel, "Options")
    where = panel.get_by_role("combobox", name="Gallery", exact=True)
    expect(where).to_have_value("My gallery (2)")
    panel.get_by_role("textbox", name="Words").fill("a blue wall")
    primary(panel).click()
    expect(panel.locator(".caption-label").filter(has_text=EVIL).first).to_be_visible()
    expect(panel.locator(".numbers td").get_by_text("a blue wall", exact=True)).to_have_count(1)
    assert page.evaluate("window.hacked") is None

    panel.get_by_role("combobox", name="Pictures to remove").click()
    page.get_by_role("option", name=EVIL).click()
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Remove them").click()
    expect(panel.get_by_text("Removed 1.")).to_be_visible()
    panel.get_by_role("textbox", name="Name").fill("walls")
    panel.get_by_role("button", name="Keep my gallery under this name").click()
    expect(panel.get_by_text("Kept 1 pictures as “walls”.")).to_be_visible()

    page.goto(page.url.split("?")[0] + "?tab=search")  # the address names a gallery that ended with the visit
    panel = opened(page, "search")
    fold_out(panel, "Options")
    where = panel.get_by_role("combobox", name="Gallery", exact=True)
    where.click()
    page.get_by_role("option", name="walls").click()
    panel.get_by_role("textbox", name="Words").fill("a wall")
    primary(panel).click()
    expect(answer(panel)).to_have_text("a blue wall")
    fold_out(panel, "A gallery of your own")
    panel.get_by_role("textbox", name="Name").fill("walls")
    panel.get_by_role("button", name="Delete the kept gallery of this name").click()
    expect(panel.get_by_text("Deleted.")).to_be_visible()
