# SPDX-License-Identifier: Apache-2.0

"""A visitor walks through the page: every tab on a desk and on a phone, then the stories of the first two tabs."""

import io
import re

import pytest
from PIL import Image

from tabs import all_tabs

pytest.importorskip("playwright")
from playwright.sync_api import expect

from core.assets import EXAMPLES_FOLDER
from tests.ui.steps import example, fits, fold_out, open_tab, picture, top_answer, upload

SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
EVIL = '<img src=x onerror="window.hacked=1">'
FIRST_EXAMPLE = {  # the example to click, and words of its answer; a tab not named here is walked all the same
    "zero_shot": ("cat, dog, horse, bird", re.compile("^cat$")),
    "vqa": ("What animal is this?", re.compile("^cat$")),
    "segmentation": ("a cat, a ball of wool", re.compile(r"^\d+\.\d%$")),
    "captions": ("", re.compile("cat|kitten")),
    "retrieval": ("boats on a lake at sunset", re.compile("Rowing boats lie in a line on a lake shore at sunset")),
}
CONTRASTS = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const brush = canvas.getContext('2d', {willReadFrequently: true});
  const layered = colours => { brush.fillStyle = 'white'; brush.fillRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1) }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3) };
  const light = rgb => rgb.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  return [...document.querySelectorAll('main *')].filter(e => e.offsetParent && !e.closest('.cm-editor') &&
      [...e.childNodes].some(n => n.nodeType == 3 && n.textContent.trim())).map(e => {
    const under = []; for (let at = e; at; at = at.parentElement) under.unshift(getComputedStyle(at).backgroundColor);
    const [low, high] = [layered(under), layered([...under, getComputedStyle(e).color])].map(light).sort((a, b) => a - b);
    return [e.textContent.trim().slice(0, 40), (high + .05) / (low + .05)] }) }"""


def dog_on_its_side():
    """A visitor's own photograph, as a phone saves it: lying, with a mark that says which side is up."""
    dog = Image.open(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    dog.transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", exif=exif)
    return {"name": "my dog.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("tab", [tab.id for tab in all_tabs()])
def test_an_example_runs_and_the_page_fits(visit, tab, screen):
    page = visit(*SCREENS[screen])
    expect(page).to_have_title("VLM Lab")
    panel = open_tab(page, tab)
    fits(page)
    text, answer = FIRST_EXAMPLE.get(tab, (None, None))
    with page.expect_response(re.compile("queue/join")):
        example(panel, text).click()
    if answer:
        expect(panel.get_by_text(answer).filter(visible=True).first).to_be_visible()
    expect(panel.get_by_test_id("status-tracker").and_(panel.locator(".generating, .translucent"))).to_have_count(0)
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
    fits(page)
    closed = panel.locator("button.label-wrap:not(.open)").filter(visible=True)  # the code, the options, tables
    while closed.count():
        closed.first.click()
    if tab in FIRST_EXAMPLE:
        expect(panel.locator(".cm-content").filter(has_text="import torch").first).to_be_visible()
    fits(page)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_is_readable(visit, theme):
    page = visit(query=f"?__theme={theme}")
    for tab, (text, answer) in FIRST_EXAMPLE.items():
        panel = open_tab(page, tab)
        example(panel, text).click()
        expect(panel.get_by_text(answer).filter(visible=True).first).to_be_visible()
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # colours fade in
        measured = page.evaluate(CONTRASTS)
        assert len(measured) > 30
        assert [(words, round(contrast, 2)) for words, contrast in measured if contrast < 4.5] == []


def test_the_keyboard_alone_classifies_a_picture_of_ones_own(visit):
    page = visit()
    panel = open_tab(page, "zero_shot")
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Drop an image file here to upload").click()
    chooser.value.set_files(dog_on_its_side())
    shown = panel.get_by_test_id("image").locator("img")
    expect(shown).to_be_visible()
    button = panel.get_by_role("button", name="Classify")
    for _ in range(30):
        if button.evaluate("e => e === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(top_answer(panel)).to_have_text("dog")


def test_markup_in_a_label_stays_text(visit):
    page = visit()
    panel = open_tab(page, "zero_shot")
    upload(panel.get_by_test_id("image"), str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"))
    panel.get_by_role("textbox", name="Labels").fill(EVIL)
    panel.get_by_role("button", name="Classify").click()
    expect(top_answer(panel)).to_have_text(EVIL)
    expect(panel.get_by_role("gridcell", name=EVIL)).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_words_named_png_get_a_plain_message(visit):
    page = visit()
    panel = open_tab(page, "zero_shot")
    words = {"name": "photo.png", "mimeType": "image/png", "buffer": b"these are words"}
    upload(panel.get_by_test_id("image"), words)
    panel.get_by_role("button", name="Classify").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("This file is not a picture the lab can read.")
    expect(page.get_by_test_id("toast-body")).not_to_contain_text("/")


def test_many_pictures_are_compared(visit):
    panel = open_tab(visit(), "zero_shot")
    panel.get_by_role("tab", name="Many pictures").click()
    panel.get_by_role("button", name="Try it with a cat and a dog").click()
    for name in ("kitten-yarn-ball.jpg", "dog-german-shepherd.jpg"):
        expect(panel.locator(".body-cell").filter(has_text=name)).to_have_count(4)
    expect(panel.get_by_test_id("matplotlib").locator("img").first).to_be_visible()


def test_captions_are_found_for_a_picture(visit):
    panel = open_tab(visit(), "retrieval")
    upload(panel.get_by_test_id("image"), str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    panel.get_by_role("button", name="Find captions").click()
    first = panel.locator(".body-cell").filter(has_text="A German shepherd dog stands on dry grass").first
    expect(first).to_be_visible()


def test_recall_is_measured(visit):
    panel = open_tab(visit(), "retrieval")
    fold_out(panel, "How good is it?")
    panel.get_by_role("button", name="Measure").click()
    expect(panel.get_by_role("gridcell", name=re.compile(r"^0\.\d+$")).first).to_be_visible()
    expect(panel.get_by_text("found this first; its own came at").first).to_be_visible()


def test_the_threshold_redraws_without_the_model(visit):
    page = visit()
    panel = open_tab(page, "segmentation")
    panel.locator("tr.tr-body").filter(has_text="a dog, grass").first.click()
    coverage = panel.get_by_role("gridcell", name=re.compile(r"^\d+\.\d%$")).first
    expect(coverage).to_be_visible()
    before = coverage.inner_text()
    slider = panel.get_by_role("spinbutton", name=re.compile("Threshold"))
    slider.fill("0.05")
    slider.press("Enter")
    expect(coverage).not_to_have_text(before)


def test_a_follow_up_question_is_answered(visit):
    panel = open_tab(visit(), "vqa")
    upload(panel.get_by_test_id("image"), str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    for question, answer in (("Is there a dog?", "yes"), ("What animal is this?", "dog")):
        panel.get_by_role("textbox", name="Your question").fill(question)
        panel.get_by_role("button", name="Ask").click()
        expect(top_answer(panel)).to_have_text(answer)


def test_a_gallery_of_ones_own_from_adding_to_deleting(visit):
    page = visit()
    panel = open_tab(page, "retrieval")
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
    where = panel.get_by_role("combobox", name="Gallery", exact=True)
    expect(where).to_have_value("My gallery (2)")

    panel.get_by_role("textbox", name="Words").fill("a blue wall")
    panel.get_by_role("button", name="Search pictures").click()
    expect(panel.locator(".body-cell").filter(has_text="a blue wall")).to_have_count(1)
    for shown in (panel.locator(".caption-label"), panel.locator(".body-cell")):
        expect(shown.filter(has_text=EVIL).first).to_be_visible()
    assert page.evaluate("window.hacked") is None

    panel.get_by_role("combobox", name="Pictures to remove").click()
    page.get_by_role("option", name=EVIL).click()
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Remove them").click()
    expect(panel.get_by_text("Removed 1.")).to_be_visible()
    panel.get_by_role("textbox", name="Name").fill("walls")
    panel.get_by_role("button", name="Keep my gallery under this name").click()
    expect(panel.get_by_text("Kept 1 pictures as “walls”.")).to_be_visible()

    page.reload()
    panel = open_tab(page, "retrieval")
    where = panel.get_by_role("combobox", name="Gallery", exact=True)
    where.click()
    page.get_by_role("option", name="walls").click()
    panel.get_by_role("textbox", name="Words").fill("a wall")
    panel.get_by_role("button", name="Search pictures").click()
    expect(panel.locator(".body-cell").filter(has_text="a blue wall")).to_have_count(1)
    fold_out(panel, "A gallery of your own")
    panel.get_by_role("textbox", name="Name").fill("walls")
    panel.get_by_role("button", name="Delete the kept gallery of this name").click()
    expect(panel.get_by_text("Deleted.")).to_be_visible()
    where.click()
    expect(page.get_by_role("option")).to_have_count(1)
