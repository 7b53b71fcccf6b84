# SPDX-License-Identifier: Apache-2.0

"""The contract of /classify and /classify_many, through gradio_client."""

import csv
import json
import shutil

import pytest
import torch
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from safetensors.torch import save_file

from core.assets import EXAMPLES_FOLDER
from tabs.classify import handlers
from tests.core.models.trained.test_trained import trained
from tests.public import predict
from tests.tabs.conftest import last

CAT, DOG = (
    handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg")),
    handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")),
)


@pytest.mark.slow
def test_the_defaults_answer(client):
    scores = predict(client, "classify", CAT, "cat, dog, horse, bird").answer
    assert list(scores) == ["cat", "dog", "horse", "bird"], "as they were typed"
    assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
    assert scores["cat"] > 0.8


def test_every_part_of_the_answer(client):
    options = {"template": "a photo of a {}\n{}", "scoring": "independent", "model": "embedded"}
    given = predict(client, "classify", CAT, "cat\ndog\ncat", **options)
    assert list(given.answer) == ["cat", "dog"]
    assert given.answer["cat"] > 5 * given.answer["dog"]
    assert given.note == ""
    assert [row[0] for row in given.table["data"]] == ["cat", "dog"]
    with open(given.download) as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["score"]) == pytest.approx(given.answer["cat"], abs=1e-4)
    assert "kitten-yarn-ball.jpg" in given.code
    assert "torch.sigmoid" in given.code


def test_a_published_model_answers_at_the_same_endpoint(client):
    given = predict(client, "classify", CAT, "cat, dog", scoring="cosine", model="openai/clip-vit-base-patch32")
    assert set(given.answer) == {"cat", "dog"}
    assert "openai/clip-vit-base-patch32" in given.code


def test_many_pictures_make_a_matrix(client):
    given = predict(client, "classify_many", [CAT, DOG], "cat, dog")
    rows = given.table["data"]
    best = {row[4]: max((r for r in rows if r[4] == row[4]), key=lambda r: r[1])[0] for row in rows}
    assert best == {"kitten-yarn-ball.jpg": "cat", "dog-german-shepherd.jpg": "dog"}
    assert given.answer is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "cat"), "Choose a picture first"),
        ((CAT, " , "), "at least one label"),
        ((CAT, "cat", "a photo"), "needs {} once"),
        ((CAT, "x" * 300_000), "at most 200,000 are read"),
        ((CAT, "cat", "a photo of a {}", "magic"), "magic"),
        ((CAT, "cat", "a photo of a {}", "softmax", "nobody/nothing"), "nobody/nothing"),
    ],
)
def test_what_cannot_be_answered_gets_a_hint(client, arguments, message):
    with pytest.raises((AppError, ValueError), match=message):
        client.predict(*arguments, api_name="/classify")


@pytest.mark.slow
def test_a_probe_answers_with_its_own_labels(client, settings, lab, kitten):
    """A model that a training run made, with other labels, and more of them, than were typed."""
    run = trained(settings.runs, "20260101-000000-aaaaaaaa", "three pets")
    config = {"architectures": ["LinearProbe"], "base": "embedded", "scale": 10.0, "labels": ["dog", "cat", "newt"]}
    (run / "model" / "config.json").write_text(json.dumps(config))
    weights = {"texts": torch.zeros(3, 1000), "weight": torch.zeros(3, 1280), "bias": torch.tensor([0.0, 9.0, 0.0])}
    save_file(weights, run / "model" / "model.safetensors")
    try:
        given = predict(client, "classify", CAT, "rose", model="three pets")
        shown = last(handlers.classify(lab, kitten, "rose", model="three pets")).shown
    finally:
        shutil.rmtree(run)
    assert max(given.answer, key=given.answer.get) == "cat"
    assert set(given.answer) == {"dog", "cat", "newt"}
    assert "labels of its own" in shown
    assert "kitten-yarn-ball.jpg" in given.code
