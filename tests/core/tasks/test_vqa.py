# SPDX-License-Identifier: Apache-2.0

import threading

import pytest

from core.assets import EXAMPLES_FOLDER
from core.errors import Stopped, UserError
from core.images import read
from core.models.family import EMBEDDED
from core.tasks import vqa
from tests.test_architecture import ROOT

VILT = "dandelin/vilt-b32-finetuned-vqa"


def test_questions_are_lines():
    assert vqa.parse_questions(" Is there a dog?\n\nIs there  a dog?\nHow many?\0 ") == ["Is there a dog?", "How many?"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n", "Ask something"),
        ("\n".join(map(str, range(51))), "51 questions"),
        ("x" * 201, "more than 200"),
        ("x" * 99_999, "99,999 characters"),
    ],
)
def test_bad_questions_get_a_hint(text, message):
    with pytest.raises(UserError, match=message):
        vqa.parse_questions(text)


def test_a_published_model_answers_several_at_once(models, images, monkeypatch):
    questions = ["Is there a cat?", "How many dogs are there?"]
    together = vqa.answer(models, VILT, images[0], questions)
    assert [one.question for one in together] == questions
    assert len(together[0].confidences) == 5
    assert together[0].hint == ""
    ran, called = models.engine._on_device, []
    monkeypatch.setattr(models.engine, "_on_device", lambda *args: called.append(args[2]) or ran(*args))
    alone = vqa.answer(models, VILT, images[0], questions[1:])[0]
    assert called == ["answer"], "a follow-up does not look at the picture again"
    assert list(alone.confidences) == list(together[1].confidences)


def test_the_hint_names_what_was_trained(models):
    assert "how many cats are there" in vqa.hint(EMBEDDED, "Why is the man smiling?")
    assert vqa.hint(EMBEDDED, "Is there a dog?") == vqa.hint(VILT, "Why?") == ""


def test_no_picture_is_said(models):
    with pytest.raises(UserError, match="Choose a picture first"):
        vqa.answer(models, EMBEDDED, None, ["Is there a dog?"])


def test_questions_pass_the_gate_batch_by_batch_and_stop_between(models, images):
    vqa.answer(models, VILT, images[0], ["Is there a cat?"])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        vqa.answer(models, VILT, images[0], ["Is there a dog?"], stop)


@pytest.mark.slow
def test_the_program_runs_as_its_heading_says(models, monkeypatch, capsys):
    question = "Is there a cat?"
    image = read(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").image
    text = vqa.program(models, EMBEDDED, "kitten-yarn-ball.jpg", question)
    assert text.startswith("# Run this from the lab's folder, the one with app.py.\n")
    monkeypatch.chdir(ROOT)
    exec(compile(text, "program", "exec"), {})
    (found,) = vqa.answer(models, EMBEDDED, image, [question])
    assert capsys.readouterr().out.splitlines() == [f"{word}: {n:.3f}" for word, n in found.confidences.items()]
