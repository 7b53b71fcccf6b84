"""What the rules make of a question."""

import time

import pytest

from core.models.embedded.answers.kind import parse
from core.models.embedded.questions import Question, singular


@pytest.mark.parametrize(
    ("text", "kind", "phrase", "region"),
    [
        ("Is there a dog?", "existence", "dog", ""),
        ("Are there any people in the picture?", "existence", "person", ""),
        ("Do you see a traffic light?", "existence", "traffic light", ""),
        ("Does the picture show a hot dog?", "existence", "hot dog", ""),
        ("Is there a cup on the left?", "existence", "cup", "left"),
        ("Is the cat at the top?", "existence", "cat", "top"),
        ("How many cats are there?", "count", "cat", ""),
        ("how many remotes do you see", "count", "remote", ""),
        ("How many knives?", "count", "knife", ""),
        ("What colour is the car?", "colour", "car", ""),
        ("what color are the flowers?", "colour", "flower", ""),
        ("What is the colour of the sky?", "colour", "sky", ""),
        ("Where is the bird?", "position", "bird", ""),
        ("On which side is the cat?", "position", "cat", ""),
        ("What animal is this?", "identity", "animal", ""),
        ("What vehicle is on the right side?", "identity", "vehicle", "right"),
        ("What is on the left?", "identity", "", "left"),
        ("What food is in the picture?", "identity", "food", ""),
        ("What is this?", "identity", "", ""),
        ("Why is the man smiling?", "other", "man smiling", ""),
        ("", "other", "", ""),
        ("🐈", "other", "", ""),
    ],
)
def test_kinds(text, kind, phrase, region):
    assert parse(text) == Question(kind, phrase, region)


def test_singular():
    plurals = ["buses", "berries", "dogs", "glass", "boxes", "tomatoes", "sheep", "hot dogs", "bus"]
    assert [singular(word) for word in plurals] == [
        "bus", "berry", "dog", "glass", "box", "tomato", "sheep", "hot dog", "bus",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["is there a " + "in the picture " * 13, "what " * 40, "how many " + "are in " * 27])
def test_no_question_takes_long(text):
    begin = time.perf_counter()
    parse(text[:200])
    assert time.perf_counter() - begin < 0.2
