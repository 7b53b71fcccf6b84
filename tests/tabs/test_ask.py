# SPDX-License-Identifier: Apache-2.0

"""The contract of /answer, through gradio_client."""

import csv

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from core.assets import EXAMPLES_FOLDER
from tests.public import predict

CAT, DOG = (
    handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg")),
    handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")),
)


def ranked(answer):
    confidences = list(answer.values())
    assert 1 <= len(confidences) <= 5
    assert confidences == sorted(confidences, reverse=True)
    assert 0 < sum(confidences) <= 1.0005


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "answers"),
    [
        (CAT, {"What animal is this?": "cat", "Is there a bus?": "no"}),
        (
            DOG,
            {"What animal is in the picture?": "dog", "Is there a dog?": "yes", "How many dogs are there?": "1"},
        ),
    ],
    ids=["cat", "dog"],
)
def test_answers_on_photographs(client, picture, answers):
    given = predict(client, "answer", picture, "\n".join(answers))
    for question, answer in answers.items():
        rows = [row[1:] for row in given.table["data"] if row[0] == question]
        ranked(dict(rows))
        assert rows[0][0] == answer, question
    ranked(given.answer)
    assert next(iter(given.answer)) == next(iter(answers.values())), "of the first"


@pytest.mark.slow
def test_several_questions_and_every_part(client):
    questions = "Is there a cat?\nWhy is it so?"
    given = predict(client, "answer", CAT, questions, "embedded")
    assert {row[0] for row in given.table["data"]} == {"Is there a cat?", "Why is it so?"}
    with open(given.download) as file:
        assert len(list(csv.DictReader(file))) == 10
    assert given.note == ""
    assert "Is there a cat?" in given.code


@pytest.mark.slow
def test_published_models_answer(client):
    for model in ("dandelin/vilt-b32-finetuned-vqa", "Salesforce/blip-vqa-base"):
        ranked(predict(client, "answer", CAT, "Is there a cat?", model).answer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "Is there a cat?"), "Choose a picture"),
        ((CAT, " "), "Ask something"),
        ((CAT, "x" * 201), "more than 200"),
        ((CAT, "Is there a cat?", "nobody/nothing"), "nobody/nothing"),
        ((CAT, "Is there a cat?", "openai/clip-vit-base-patch32"), "cannot do this"),
    ],
)
def test_refusals(client, arguments, message):
    with pytest.raises(AppError, match=message):
        client.predict(*arguments, api_name="/answer")
