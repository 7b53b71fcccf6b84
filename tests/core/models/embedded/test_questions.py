# SPDX-License-Identifier: Apache-2.0

"""What the rules make of a question."""

import time

import pytest

from core.models.embedded.answers.kind import parse
from core.models.embedded.questions import Question, singular
from core.models.embedded.vocabulary import open_words


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
        ("How many shoes are there?", "count", "shoe", ""),
        ("Where are the movies?", "position", "movie", ""),
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


PLURALS = {
    "buses": "bus", "berries": "berry", "dogs": "dog", "boxes": "box", "tomatoes": "tomato", "hot dogs": "hot dog",
    "shoes": "shoe", "movies": "movie", "toes": "toe", "knives": "knife", "people": "person", "mice": "mouse",
    "potatoes": "potato", "leaves": "leaf", "cookies": "cookie", "ties": "tie", "horses": "horse", "vases": "vase",
    "waves": "wave", "gloves": "glove", "axes": "axe", "children": "child", "geese": "goose", "feet": "foot",
    "dresses": "dress", "lenses": "lens", "rhinoceroses": "rhinoceros", "selfies": "selfie", "daisies": "daisy",
}  # fmt: skip
ALIKE = ["glasses", "scissors", "skis", "sheep", "grass", "glass", "bus", "gas", "lens", "tennis", "dress", "walrus", "jeans", "trousers", "fish", "cactus", "rhinoceros", "clothes", "sunglasses"]  # fmt: skip


@pytest.mark.parametrize(("plural", "one"), [*PLURALS.items(), *((word, word) for word in [*ALIKE, *PLURALS.values()])])
def test_singular(plural, one):
    assert singular(plural) == one


def test_open_words_are_singular():
    plural = {"grapes", "cherries", "beans", "noodles", "french fries"}  # as captions name them
    assert {row["word"] for row in open_words() if singular(row["word"]) != row["word"]} == plural


@pytest.mark.parametrize("text", ["is there a " + "in the picture " * 13, "what " * 40, "how many " + "are in " * 27])
def test_no_question_takes_long(text):
    begin = time.process_time()
    parse(text[:200])
    assert time.process_time() - begin < 0.2
