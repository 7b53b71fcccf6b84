# SPDX-License-Identifier: Apache-2.0

"""The handlers of the classification tab, without HTTP."""

import csv
import html

import gradio as gr
import pytest
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from core.errors import UserError
from core.tasks.zero_shot import NEUTRAL
from core.trust import UNMEASURED
from tabs._shown import trust
from tabs._texts import texts
from tabs._trust import line
from tabs._values import titles
from tabs.classify import handlers as tab
from tests.tabs.conftest import last, photo
from tests.test_architecture import ROOT

SAID = texts("classify")
CAT, DOG = (str(EXAMPLES_FOLDER / name) for name in tab.TWO_PETS)


def test_one_picture_is_scored(lab, kitten):
    given = last(tab.classify(lab, kitten, "cat, dog, horse, bird"))
    assert max(given.answer, key=given.answer.get) == "cat"
    assert sum(given.answer.values()) == pytest.approx(1)
    assert given.note == ""
    assert [row[0] for row in given.table["data"]] == ["cat", "dog", "horse", "bird"]
    assert {row[4] for row in given.table["data"]} == {"kitten-yarn-ball.jpg"}
    with open(given.download) as file:
        assert [float(row["score"]) for row in csv.DictReader(file)] == pytest.approx(
            list(given.answer.values()), abs=1e-5
        )
    assert given.why.count("<svg") == 2, "the anchors, and all scores"
    assert '<p class="headline">cat</p>' in given.shown
    assert all(f'<span class="name">{name}</span>' in given.shown for name in ("cat", "dog", "horse", "bird"))
    assert given.details.visible
    assert given.link == given.error == gr.skip(), "these are not the handler's"


def test_the_shown_program_runs_as_copied_in_the_labs_folder(lab, kitten, monkeypatch, capsys):
    """Of an example: its picture is named with its folder."""
    given = last(tab.classify(lab, kitten, "cat, dog", scoring="cosine"))
    monkeypatch.chdir(ROOT)
    exec(compile(given.code, "program", "exec"), {})
    printed = eval(capsys.readouterr().out)
    assert printed == pytest.approx(given.answer, abs=2e-4)


def test_markup_and_odd_text_pass_through_as_text(lab, kitten):
    labels = ["<img src=x onerror=alert(1)>", "🐈", "قطة", "=cmd()", "$x^"]
    given = last(tab.classify(lab, kitten, "\n".join(labels)))
    assert list(given.answer) == labels
    with open(given.download) as file:
        assert "'=cmd()" in file.read()
    assert all(html.escape(label) in given.shown for label in labels)
    assert "<img src=x" not in given.shown + given.why


def test_many_pictures_make_a_row_each(lab):
    given = last(tab.classify_many(lab, [CAT, DOG], "cat, dog"))
    rows = given.table["data"]
    assert [(row[4], row[0]) for row in rows] == [(name, label) for name in tab.TWO_PETS for label in ("cat", "dog")]
    assert rows[0][1] > rows[1][1]
    assert rows[3][1] > rows[2][1]
    assert given.answer is None
    assert given.why.count("<svg") == 2
    assert "2 pictures, 2 labels" in given.shown


def test_frames_that_are_not_used_are_said_in_the_note(lab, tmp_path):
    animated = tmp_path / "![x](http:__evil) <img>.gif"
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]
    frames[0].save(animated, save_all=True, append_images=frames[1:])
    given = last(tab.classify_many(lab, [CAT, str(animated)], "cat, dog"))
    name = r"\!\[x\]\(http\:\_\_evil\) \<img\>\.gif"
    assert given.note == f"{name}: Only the first of 3 frames is used.\n\n{name}: {SAID.none_of_these}"
    one = photo("kitten-yarn-ball.jpg", note="Only the first of 3 frames is used.")
    assert "Only the first of 3 frames" in last(tab.classify(lab, one, "cat")).note
    both = last(tab.classify(lab, one, "cat", scoring="independent"))
    assert both.note == "Only the first of 3 frames is used."
    assert line(lab, "embedded", "presence.ECE") in both.shown


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("google/siglip-base-patch16-224", SAID.independent_never_measured),
        ("openai/clip-vit-base-patch32", SAID("independent_uncalibrated", neutral=NEUTRAL)),
    ],
)
def test_what_independent_scores_are_worth_is_said(lab, kitten, model, said):
    shown = last(tab.classify(lab, kitten, "cat, dog", scoring="independent", model=model)).shown
    assert trust(said) in shown
    assert "%</span>" not in shown, "percentages only where they were calibrated"
    assert said not in last(tab.classify(lab, kitten, "cat, dog", scoring="softmax", model=model)).shown


def test_an_answer_says_how_often_such_answers_are_right(lab, kitten):
    shown = last(tab.classify(lab, kitten, "cat, dog, horse, bird")).shown
    assert "of 100 times on 80 COCO photographs" in shown
    assert "a guess without looking, 25" in shown
    assert "over 99 %</span>" in shown
    away = last(tab.classify(lab, kitten, "cat, dog", model="openai/clip-vit-base-patch32")).shown
    assert UNMEASURED in away
    assert "%</span>" not in away


def test_what_is_not_there_is_not_ranked_silently(lab, kitten):
    none = last(tab.classify(lab, kitten, "a fire engine, a bridge, a pizza, a laptop"))
    assert f'<p class="headline">{SAID.none_of_these}</p>' in none.shown
    assert SAID.none_of_these not in last(tab.classify(lab, kitten, "a fire engine, a bridge, a cat")).shown
    many = last(tab.classify_many(lab, [CAT, DOG], "cat, a fire engine"))
    assert SAID.none_of_these in many.note
    assert many.note.count(SAID.none_of_these) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "cat"), "Choose a picture first"),
        (("kitten", " , "), "at least one label"),
        (("kitten", "cat", "a photo"), "needs {} once"),
        (("kitten", "cat", "{}", "magic"), "no scoring called 'magic'"),
        (("kitten", "cat", "{}", "softmax", "nobody/nothing"), "nobody/nothing"),
    ],
)
def test_refusals_of_one_picture(lab, kitten, arguments, message):
    with pytest.raises(UserError, match=message):
        list(tab.classify(lab, *(kitten if argument == "kitten" else argument for argument in arguments)))


@pytest.mark.parametrize(("files", "message"), [(None, "some pictures"), ([CAT] * 65, "65 pictures; at most 64")])
def test_refusals_of_many(lab, files, message):
    with pytest.raises(UserError, match=message):
        list(tab.classify_many(lab, files, "cat"))


def test_a_report_changes_the_note_alone():
    noted = tab._noted("Encoding the pictures: 3 of 9, 1 s")
    assert noted.note.startswith("Encoding")
    assert [value for value in noted if value != gr.skip()] == [noted.note]


def test_files_are_called_by_their_names():
    assert titles(["/tmp/x/a.jpg", r"C:\pictures\b.jpg"]) == ["a.jpg", "b.jpg"]
