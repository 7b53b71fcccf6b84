# SPDX-License-Identifier: Apache-2.0

"""Answers: what each kind of question gives for photographs, and what they are measured by."""

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from core.engine import Engine
from core.models.embedded import answers
from core.models.embedded.answers.colour import colours
from core.models.embedded.answers.count import FINEST_MAP, counts
from core.models.embedded.answers.kind import QUESTION_KINDS, all_kinds, parse
from core.models.embedded.answers.position import positions
from core.models.embedded.questions import Question
from core.models.embedded.vocabulary import candidates, open_words
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.dense_features import MAPS
from core.settings import Settings
from core.tasks import vqa

DROPINS = Path(__file__).parents[3] / "dropins" / "question_kinds"


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def kitten():
    return Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").convert("RGB")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "question", "answer"),
    [
        ("kitten-yarn-ball", "What animal is this?", "cat"),
        ("dog-german-shepherd", "Is there a dog?", "yes"),
        ("dog-german-shepherd", "Is there a pizza?", "no"),
        ("dog-german-shepherd", "How many dogs are there?", "1"),
        ("coffee-cup-spoon", "What drink is this?", "coffee"),
    ],
)
def test_questions_about_photographs(lab, file, question, answer):
    found = vqa.answer(lab, EMBEDDED, Image.open(EXAMPLES_FOLDER / f"{file}.jpg").convert("RGB"), [question])[0]
    assert next(iter(found.confidences)) == answer
    assert 1 <= len(found.confidences) <= 5
    assert list(found.confidences.values()) == sorted(found.confidences.values(), reverse=True)


@pytest.mark.slow
def test_questions_together_are_answered_as_alone_and_as_the_shown_program(lab, kitten):
    questions = ["Is there a cat?", "How many dogs are there in the picture?", "What is on the left?", "Why?"]
    together = vqa.answer(lab, EMBEDDED, kitten, questions)
    for question, found in zip(questions, together, strict=True):
        alone = vqa.answer(lab, EMBEDDED, kitten, [question])[0].confidences
        assert alone == pytest.approx(found.confidences, abs=1e-5)
        shown = {"torch": torch, "image": kitten, "question": question}
        exec(lab.catalog.adapter(EMBEDDED).answer_program(EMBEDDED), shown)
        assert shown["answers"] == pytest.approx(alone, abs=1e-4)


def test_an_answer_says_what_it_leaned_on(lab, kitten):
    found = vqa.attribution(lab, EMBEDDED, kitten, "Do you see a cat?")
    height, width = lab.encode(EMBEDDED, kitten)["stride 32"].shape[1:]
    assert found.words == ["Do", "you", "see", "a", "cat"]
    assert found.maps.shape == (5, height, width)
    assert found.maps.amax((1, 2)).tolist() == pytest.approx([1] * 5)
    shuffled = vqa.attribution(lab, EMBEDDED, kitten, "Do you see a cat?", shuffled=True)
    assert (found.maps - shuffled.maps).abs().max() > 0.2
    named = vqa.attribution(lab, EMBEDDED, kitten, "What animal is this?")
    assert named.words == ["resembles “cat”"]
    assert vqa.attribution(lab, EMBEDDED, kitten, "How many balls are there?").words == ["resembles “ball”"]


def test_colours_sides_and_pieces_are_measured():
    red_left = torch.full((3, 12, 12), -1.0)
    red_left[0, :, :4] = 0.9
    red_left[2, :, 4:] = 0.9
    left = torch.zeros(12, 12)
    left[4:8, :4] = 1.0
    assert colours(red_left, left) == {"red": 1.0}
    assert next(iter(colours(red_left, 1 - left))) == "blue"
    assert next(iter(positions(left))) == "left"
    assert next(iter(positions(left.T))) == "top"
    maps = torch.zeros(len(MAPS), 12, 12)
    maps[FINEST_MAP, 1:4, 1:4] = maps[FINEST_MAP, 7:10, 6:9] = 1.0
    maps[FINEST_MAP, 11, 0] = 1.0  # too small
    assert counts(maps, present=True) == {"2": 1.0}
    assert counts(maps, present=False) == {"0": 1.0}


def test_open_words_are_listed_by_kind():
    assert {"dog", "sheep", "penguin"} <= set(candidates("animal"))
    assert "car" not in candidates("animal")
    assert set(candidates("kind of animal")) == set(candidates("animal"))
    assert len(candidates("")) == len(candidates("nothing listed")) == len(open_words()) > 300


def test_the_likelier_of_a_kind_counts_against_the_others(lab, kitten):
    """A kitten looks much like a dog, and more like a cat."""
    encoding = lab.encode(EMBEDDED, kitten)
    with lab.lease(EMBEDDED) as pair, torch.inference_mode():
        presence = pair.answerer.parts.presence
        assert presence.rival_log_odds(encoding, "dog") > 3
        assert presence.rival_log_odds(encoding, "cat") < 0
        assert presence.rival_log_odds(encoding, "animal") == presence.rival_log_odds(encoding, "no listed word") == 0
    cat, dog = vqa.answer(lab, EMBEDDED, kitten, ["Is there a cat?", "Is there a dog?"])
    assert cat.confidences["yes"] > 0.99 > dog.confidences["yes"]


def test_open_words_are_read_once(lab, kitten, monkeypatch):
    vqa.answer(lab, EMBEDDED, kitten, ["What is this?"])
    read = []
    with lab.lease(EMBEDDED) as pair:
        monkeypatch.setattr(pair.towers, "text_vectors", lambda texts: read.append(texts))
        vqa.answer(lab, EMBEDDED, kitten, ["What animal is it?"])
    assert read == []


@pytest.mark.slow
def test_a_kind_of_question_is_one_new_file(monkeypatch, kitten):
    assert parse("What is the weather?").kind == "other"
    monkeypatch.setattr(answers, "__path__", [*answers.__path__, str(DROPINS)])
    monkeypatch.setattr(QUESTION_KINDS, "_items", dict(QUESTION_KINDS._items))
    monkeypatch.delitem(sys.modules, "core.models.embedded.answers.weather", raising=False)
    assert parse("What is the weather?") == Question("weather", "weather")
    assert "weather" in [kind.name for kind in all_kinds()]
    lab = Models(Engine(Settings(device="cpu")))
    found, other = vqa.answer(lab, EMBEDDED, kitten, ["What is the weather?", "What animal is this?"])
    assert set(found.confidences) == {"sunny sky", "rain"}
    assert next(iter(other.confidences)) == "cat"
    assert vqa.attribution(lab, EMBEDDED, kitten, "How is the weather?").words == ["resembles “sunny sky”"]
