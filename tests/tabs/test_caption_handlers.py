# SPDX-License-Identifier: Apache-2.0

"""The handlers of the captions tab, without HTTP: ASIF, MaGiC and the comparison."""

import csv
import json
import re
import threading

import gradio as gr
import pytest
import torch

from core import images
from core.assets import EXAMPLES_FOLDER
from core.errors import UserError
from core.models.abilities import Attribution
from core.results import Draft
from core.tasks import magic
from core.trust import UNMEASURED
from tabs.caption import asif_handlers, compare_handlers, magic_handlers
from tests.tabs.conftest import last, photo

FRAMES = "Only the first of 3 frames is used."


@pytest.fixture(scope="module")
def chosen(lab, kitten):
    return last(asif_handlers.caption_asif(lab, kitten))


def test_a_caption_is_chosen_with_its_anchors(chosen):
    assert "cat" in chosen.caption or "kitten" in chosen.caption
    assert chosen.answer["caption"] == chosen.caption == chosen.table["data"][0][0]
    names = [anchor["name"] for anchor in chosen.answer["anchors"]]
    assert [name for name, _ in chosen.removed.choices] == names
    assert chosen.removed.value == []
    assert chosen.note == ""
    assert chosen.shown.startswith(
        f'<p class="headline words">{chosen.caption}</p><p class="trust">Against captions that'
    )
    assert chosen.why.count("<svg") == 1
    assert chosen.details.visible


def test_removed_anchors_are_gone_and_stay_listed(lab, kitten, chosen):
    gone = [anchor["name"] for anchor in chosen.answer["anchors"][:2]]
    given = last(asif_handlers.caption_asif(lab, kitten, removed=gone))
    assert not {anchor["name"] for anchor in given.answer["anchors"]} & set(gone)
    assert given.removed.value == gone
    assert [name for name, _ in given.removed.choices][:2] == gone
    assert given.code == ""


def test_a_file_is_a_bank_and_reading_it_is_reported(lab, kitten, tmp_path, monkeypatch):
    mine = tmp_path / "mine.txt"
    mine.write_text("a kitten with a ball of wool\nsomething else entirely\ntwo boats\n")
    given = last(asif_handlers.caption_asif(lab, kitten, "mine", own=str(mine)))
    assert given.caption == "a kitten with a ball of wool"
    monkeypatch.setattr(asif_handlers, "FILE_BYTES", 10)
    with pytest.raises(UserError, match="larger than 0 MB"):
        list(asif_handlers.caption_asif(lab, kitten, "mine", own=str(mine)))


def test_another_answer_is_given_once_there_is_one(lab, kitten, chosen):
    assert last(asif_handlers.caption_again(lab, "a caption", kitten)).caption == chosen.caption
    assert list(asif_handlers.caption_again(lab, "", kitten)) == [asif_handlers.only(asif_handlers.Outputs)]


def test_anchors_of_ones_own_are_kept_small(lab):
    added, words = asif_handlers.add_anchor(
        lab, [], images.read(EXAMPLES_FOLDER / "coffee-cup-spoon.jpg").image, " a cup "
    )
    large = images.read(EXAMPLES_FOLDER / "coffee-cup-spoon.jpg").image.resize((5000, 4000))
    added, words = asif_handlers.add_anchor(lab, added, large, "x" * 300)
    assert words == "2 of your own"
    assert [name for _, name in added] == ["a cup", "x" * 200]
    assert max(added[1][0].size) < 600, "at the model's size"
    with pytest.raises(UserError, match="At most 20"):
        asif_handlers.add_anchor(lab, added * 10, large, "more")
    with pytest.raises(UserError, match="Give the anchor a picture"):
        asif_handlers.add_anchor(lab, added, None, "a cup")


def test_labels_are_scored_by_the_same_anchors(lab, kitten):
    found = asif_handlers.by_labels(lab, kitten, "cat, boat, cat,", 100, 2, "embedded")
    (cat, boat) = re.findall(r'class="name">(\w+)</span>.*?class="value">([\d.]+)<', found)
    assert (cat[0], boat[0]) == ("cat", "boat"), "best first, each once"
    assert float(cat[1]) > 2 * float(boat[1])
    assert "%" not in found, "which were never calibrated"
    with pytest.raises(UserError, match="type labels"):
        asif_handlers.by_labels(lab, kitten, " , ", 100, 2, "embedded")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, "Choose a picture first"),
        ({"k": 2.5}, "k must be a whole number"),
        ({"k": 0}, "k between 1 and"),
        ({"bank": "nobody's"}, "no gallery called"),
        ({"bank": "mine"}, "Choose your text file"),
        ({"removed": 5}, "as a list of names"),
        ({"removed": "tabby cat"}, "as a list of names"),
        ({"removed": [{"a": 1}]}, "no anchor called"),
    ],
)
def test_asif_refuses(lab, kitten, changes, message):
    with pytest.raises(UserError, match=message):
        list(asif_handlers.caption_asif(lab, **{"image": kitten, **changes}))


@pytest.fixture(scope="module")
def written(lab):
    """The outputs after each token, and the last: between them, a token that takes long is reported."""
    image = photo("kitten-yarn-ball.jpg", FRAMES)
    given = magic_handlers.caption_magic(lab, image, 5, 0.1, 2, 6, scale=0, recall=0)
    return [outputs for outputs in given if outputs.last != gr.skip()]


def test_a_caption_grows_and_says_how_far_it_is(written):
    *growing, given = written
    assert [step.note.rpartition(",")[0] for step in growing] == [
        f"Token: {n} of 5" for n in range(1, len(growing) + 1)
    ]
    assert [len(step.last.draft.steps) for step in growing] == list(range(1, len(growing) + 1))
    assert growing[-1].caption == given.caption == given.answer["caption"]
    assert given.note == FRAMES
    assert growing[-1].shown == f'<p class="headline words">{given.caption}</p>'
    assert given.shown == f'{growing[-1].shown}<p class="trust">{UNMEASURED}</p>', "by such settings"
    assert given.why.count("<svg") == 1
    assert given.step.maximum == len(given.answer["steps"]) == len(growing)
    with open(given.download) as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(1, len(growing) + 1))
    assert "kitten-yarn-ball.jpg" in given.code


def test_a_caption_that_was_stopped_is_shown_as_far_as_it_goes(lab, written):
    given = magic_handlers.stopped(lab, written[1].last)
    assert len(given.answer["steps"]) == len(given.table["data"]) == 2
    assert given.note == "Stopped."
    assert given.caption == given.last == gr.skip()
    assert magic_handlers.stopped(lab, None) == magic_handlers.only(magic_handlers.Outputs)


def test_closing_it_within_a_token_stops_it(lab, kitten, monkeypatch):
    """Which is what Gradio does when a visitor presses Stop or closes the page."""
    heard = threading.Event()

    def decode(models, scorer, pictures, rule, writer, stop):
        yield [Draft("a cat", (0, 1), ())]
        heard.set() if stop.wait(20) else None

    monkeypatch.setattr(magic_handlers.magic, "decode", decode)
    steps = magic_handlers.caption_magic(lab, kitten, max_length=6)
    while next(steps).last == gr.skip():
        pass
    meanwhile = next(steps)
    assert (meanwhile.caption, meanwhile.note.split(",")[0]) == ("a cat", "Token: 0 of 5")
    steps.close()
    assert heard.wait(20)


def test_any_step_is_opened(lab, written, monkeypatch):
    asked = []
    drawing = magic_handlers.decoding.drawing
    monkeypatch.setattr(
        magic_handlers.decoding, "drawing", lambda step, *rest: asked.append(step) or drawing(step, *rest)
    )
    for number in (1, 2, 99):
        magic_handlers.open_step(lab, written[-1].last, number)
    steps = written[-1].last.draft.steps
    assert asked == [steps[0], steps[1], steps[-1]]
    assert magic_handlers.open_step(lab, None, 1) == gr.skip()


def test_the_rules_fill_the_sliders():
    assert magic_handlers.settings(magic.VARIANTS[magic.PUBLISHED]) == [45, 0.1, 2.0, 16, 0, 0.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, "Choose a picture first"),
        ({"k": float("nan")}, "k must be a whole number"),
        ({"alpha": 2}, "alpha and recall between 0 and 1"),
        ({"max_length": 7.5}, "The longest caption must be a whole number"),
    ],
)
def test_magic_refuses(lab, kitten, changes, message):
    with pytest.raises(UserError, match=message):
        list(magic_handlers.caption_magic(lab, **{"image": kitten, **changes}))


def test_methods_are_compared(lab):
    files = [str(EXAMPLES_FOLDER / f"{name}.jpg") for name in ("kitten-yarn-ball", "coffee-cup-spoon")]
    given = last(compare_handlers.caption_compare(lab, None, files, ["ASIF"]))
    assert [row[:2] for row in given.table["data"]] == [
        ["kitten-yarn-ball.jpg", "ASIF"],
        ["coffee-cup-spoon.jpg", "ASIF"],
    ]
    assert given.note.endswith("- ASIF: 2 of 2")
    with open(given.download_json) as file:
        assert json.load(file) == given.answer
    assert given.code == ""


def test_one_picture_is_told_of_its_frames(lab):
    given = last(compare_handlers.caption_compare(lab, photo("kitten-yarn-ball.jpg", FRAMES), None, ["ASIF"]))
    assert given.note == FRAMES


def test_where_a_captioner_looked_is_drawn(lab, kitten, monkeypatch):
    """Where one of the methods says so."""
    plain = last(compare_handlers.caption_compare(lab, kitten, None, ["ASIF"]))
    assert plain.why.count("<svg") == 1
    assert plain.shown == f'<p class="headline words">{plain.answer[0]["caption"]}</p>'
    seen = Attribution(["a", "cat"], torch.rand(2, 9, 9))
    monkeypatch.setattr(compare_handlers.captioning, "attribution", lambda *_: seen)
    assert last(compare_handlers.caption_compare(lab, kitten, None, ["ASIF"])).why.count("<svg") == 2


def test_closing_the_comparison_stops_it(lab, kitten, monkeypatch):
    stopped = threading.Event()

    def compare(models, pictures, names, on_step, stop):
        on_step(1, 8)
        stopped.set() if stop.wait(20) else None

    monkeypatch.setattr(compare_handlers.captioning, "compare", compare)
    steps = compare_handlers.caption_compare(lab, kitten)
    assert next(steps).note.startswith("Writing captions: 1 of 8, ")
    steps.close()
    assert stopped.wait(20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((None,), "Choose a picture first"), ((None, ["x.jpg"] * 101), "101 pictures; at most 100")],
)
def test_comparison_refuses(lab, arguments, message):
    with pytest.raises(UserError, match=message):
        list(compare_handlers.caption_compare(lab, *arguments))
