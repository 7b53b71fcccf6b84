# SPDX-License-Identifier: Apache-2.0

"""The contract of /answer, through gradio_client."""

import csv

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from core.assets import EXAMPLES_FOLDER

CAT, DOG = (
    handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg")),
    handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")),
)


def first(client, *arguments):
    answer = client.predict(*arguments, api_name="/answer")[0]
    confidences = [entry["confidence"] for entry in answer["confidences"]]
    assert 1 <= len(confidences) <= 5
    assert confidences == sorted(confidences, reverse=True)
    assert 0 < sum(confidences) <= 1.0001
    return answer["label"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "question", "answer"),
    [
        (CAT, "What animal is this?", "cat"),
        (DOG, "What animal is in the picture?", "dog"),
        (DOG, "Is there a dog?", "yes"),
        (CAT, "Is there a bus?", "no"),
        (DOG, "How many dogs are there?", "1"),
    ],
)
def test_answers_on_photographs(client, picture, question, answer):
    assert first(client, picture, question) == answer


@pytest.mark.slow
def test_several_questions_and_every_part(client):
    questions = "Is there a cat?\nWhy is it so?"
    _, note, table, download, plot, check, code = client.predict(CAT, questions, "embedded", api_name="/answer")
    assert {row[0] for row in table["data"]} == {"Is there a cat?", "Why is it so?"}
    with open(download) as file:
        assert len(list(csv.DictReader(file))) == 10
    assert note == ""
    assert plot["type"] == "matplotlib"
    assert "Correlation of both maps over all words" in check
    assert "Is there a cat?" in code
    assert "was not trained on this kind" in client.predict(CAT, "Why is it so?", api_name="/answer")[1]


@pytest.mark.slow
def test_published_models_answer(client):
    for model in ("dandelin/vilt-b32-finetuned-vqa", "Salesforce/blip-vqa-base"):
        assert client.predict(CAT, "Is there a cat?", model, api_name="/answer")[0]["label"]


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
