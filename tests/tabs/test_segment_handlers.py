# SPDX-License-Identifier: Apache-2.0

"""The handlers of the segmentation tab, without HTTP: among them what a slider or a click does to the last result."""

import json
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.results import Segmentation
from tabs.segment import handlers as tab
from tests.tabs.conftest import last, photo

SAM = "facebook/sam-vit-base"


@pytest.fixture(scope="module")
def answered(lab, kitten):
    return last(tab.segment(lab, kitten, "a cat, a ball of wool", exclusive=False, anyway=True))


@pytest.fixture
def overlapping():
    """Two prompts of which the second is likelier wherever the first is found."""
    first, second = np.zeros((2, 8, 8), np.float32)
    first[:, :6], second[:, :4] = 0.7, 0.9
    result = Segmentation(["a", "b"], (160, 80), np.stack([first, second]), {})
    return tab.Last(Image.new("RGB", (80, 40)), result, "picture.jpg")


def coverages(outputs):
    return [row["coverage"] for row in outputs.answer]


def test_each_prompt_gets_a_mask(answered, kitten):
    assert [row["label"] for row in answered.answer] == ["a cat", "a ball of wool"]
    assert 0.1 < answered.answer[0]["coverage"] < 0.7
    mask = Image.open(answered.answer[0]["mask"]["path"])
    assert mask.size == kitten.size
    assert np.asarray(mask).mean() == pytest.approx(answered.answer[0]["coverage"], abs=1e-5)
    with zipfile.ZipFile(answered.download) as archive:
        assert archive.namelist() == ["mask-01.png", "mask-02.png", "prompts.txt"]
    with open(answered.coco) as file:
        assert json.load(file)["images"][0]["file_name"] == "kitten-yarn-ball.jpg"
    assert answered.table["data"][0][1] == f"{answered.answer[0]['coverage']:.1%}"
    assert answered.target.value == "a cat"
    assert "kitten-yarn-ball.jpg" in answered.code
    covered = [f"{row['coverage']:.1%} of the picture" for row in answered.answer]
    assert answered.shown.count('<li class="key">') == 2
    assert f"a cat: {covered[0]}" in answered.shown
    assert answered.why.count("<svg") == 2, "the maps, and those that led there"
    assert answered.details.visible


def test_what_is_not_found_is_said_and_words_stay_text(lab, overlapping):
    result = replace(overlapping.result, labels=["a", "<b>&"])
    given = tab.redraw(lab, replace(overlapping, result=result), 0.95, True)
    assert "a: not found" in given.shown
    assert "&lt;b&gt;&amp;: not found" in given.shown
    assert "<b>" not in given.shown
    assert [row[2] for row in given.table["data"]] == ["not found"] * 2


@pytest.mark.slow
def test_the_picture_that_is_kept_for_the_visit_is_as_large_as_it_is_shown(lab):
    large = Image.new("RGB", (4000, 1000), "red")
    given = last(tab.segment(lab, large, "a cat"))
    assert given.last.picture.size == given.painted.size == (1600, 400)
    assert given.last.result.size == (4000, 1000)


def test_unused_frames_are_said(lab):
    assert last(tab.segment(lab, photo("kitten-yarn-ball.jpg", "Only the first."), "a cat")).note == "Only the first."


def test_the_threshold_redraws_without_a_model(lab, answered):
    low, high = (tab.redraw(lab, answered.last, threshold, False) for threshold in (0.1, 0.9))
    assert coverages(low)[0] > coverages(answered)[0] > coverages(high)[0]
    assert low.code == low.why == gr.skip(), "what does not change is left as it is"
    assert tab.redraw(lab, None, 0.5, False) == tab.only(tab.Outputs)


def test_the_likeliest_prompt_takes_the_pixel(lab, overlapping):
    each, exclusive = (tab.redraw(lab, overlapping, 0.5, mode) for mode in (False, True))
    assert coverages(each)[0] > 2 * coverages(exclusive)[0] > 0
    assert coverages(each)[1] == pytest.approx(coverages(exclusive)[1], abs=0.05)


def test_refining_keeps_each_pixel_with_its_likeliest_prompt(lab, overlapping, monkeypatch):
    """The other mask is drawn anew over all of the picture, and is likelier there."""

    def refine(models, name, image, result, label, points=(), box=None):
        probabilities = result.probabilities.copy()
        probabilities[result.labels.index(label)] = 0.95
        return replace(result, probabilities=probabilities)

    monkeypatch.setattr(tab.segmentation, "refine", refine)
    event = SimpleNamespace(index=(10, 10))
    by_click = last(tab.click(lab, overlapping, "b", True, SAM, 0.5, True, event))
    by_box = last(tab.refine_by_box(lab, overlapping, "b", SAM, 0.5, True))
    assert coverages(by_click) == coverages(by_box) == [0, 1]
    with zipfile.ZipFile(by_click.download) as archive, archive.open("mask-01.png") as mask:
        assert not np.asarray(Image.open(mask)).any(), "and so do the downloads"


def test_clicks_on_one_mask_add_up_and_are_in_the_pixels_of_the_uploaded_picture(lab, overlapping, monkeypatch):
    asked = []

    def refine(models, name, image, result, label, **prompt):
        asked.append((image.size, label, prompt))
        return result

    monkeypatch.setattr(tab.segmentation, "refine", refine)
    first = last(tab.click(lab, overlapping, "a", True, SAM, 0.5, False, SimpleNamespace(index=(10, 20)))).last
    second = last(tab.click(lab, first, "a", False, SAM, 0.5, False, SimpleNamespace(index=(70, 5)))).last
    last(tab.click(lab, second, "b", True, SAM, 0.5, False, SimpleNamespace(index=(1, 2))))
    last(tab.refine_by_box(lab, overlapping, "b", SAM, 0.5, False))
    clicks = [prompt["points"] for _, _, prompt in asked[:3]]
    assert clicks == [((20, 40, True),), ((20, 40, True), (140, 10, False)), ((2, 4, True),)]
    assert {size for size, *_ in asked} == {(80, 40)}
    x0, y0, x1, y1 = asked[3][2]["box"]
    assert (x0, y0, y1) == (0, 0, 80)
    assert 72 <= x1 <= 88, "the left half of the uploaded picture, twice as large as the kept one"


def test_a_mask_is_refined_by_sam(lab, answered):
    event = SimpleNamespace(index=(100, 100))
    given = last(tab.click(lab, answered.last, "a cat", True, SAM, 0.5, False, event))
    assert given.last.result.probabilities.shape[0] == 2
    assert given.last.clicked == "a cat"
    assert given.code == gr.skip()


def test_what_an_example_shows_is_found(lab, kitten, dog):
    given = last(tab.segment_like(lab, dog, dog, "60, 40, 400, 400"))
    assert given.answer[0]["label"] == "like the example"
    assert given.answer[0]["coverage"] > 0.05
    assert given.code == ""


@pytest.mark.parametrize(
    ("handler", "arguments", "message"),
    [
        (tab.segment, (None, "a cat"), "Choose a picture"),
        (tab.segment, ("kitten", " "), "Say what to cut out"),
        (tab.segment, ("kitten", "a cat", 0.5, "openai/clip-vit-base-patch32"), "cannot do this"),
        (tab.segment_like, ("kitten", None), "example picture"),
        (tab.segment_like, ("kitten", "kitten", "1, 2"), "four numbers"),
        (tab.refine_by_box, (None, "a cat", SAM, 0.5, False), "Segment something first"),
        (tab.click, (None, "a cat", True, SAM, 0.5, False, SimpleNamespace(index=(1, 1))), "Segment something first"),
    ],
)
def test_refusals(lab, kitten, handler, arguments, message):
    with pytest.raises(UserError, match=message):
        list(handler(lab, *(kitten if argument == "kitten" else argument for argument in arguments)))
