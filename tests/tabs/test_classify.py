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
from tests.core.models.trained.test_trained import trained

CAT, DOG = (
    handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg")),
    handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg")),
)


def confidences(label):
    return {entry["label"]: entry["confidence"] for entry in label["confidences"]}


@pytest.mark.slow
def test_defaults_answer_with_label_confidences(client):
    first = client.predict(CAT, "cat, dog, horse, bird", api_name="/classify")[0]
    assert first["label"] == "cat"
    assert sum(confidences(first).values()) == pytest.approx(1, abs=1e-4)
    assert confidences(first)["cat"] > 0.8


def test_every_part_of_the_answer(client):
    options = {"template": "a photo of a {}\n{}", "scoring": "independent", "model": "embedded"}
    answer, note, table, download, plot, anchors, code = client.predict(
        CAT, "cat\ndog\ncat", **options, api_name="/classify"
    )
    assert confidences(answer)["cat"] > 5 * confidences(answer)["dog"]
    assert "three in ten" in note
    assert [row[0] for row in table["data"]] == ["cat", "dog"]
    with open(download) as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["score"]) == pytest.approx(confidences(answer)["cat"], abs=1e-4)
    assert plot["type"] == anchors["type"] == "matplotlib"
    assert "kitten-yarn-ball.jpg" in code
    assert "torch.sigmoid" in code


def test_a_published_model_answers_at_the_same_endpoint(client):
    answer, *_, anchors, _code = client.predict(
        CAT, "cat, dog", scoring="cosine", model="openai/clip-vit-base-patch32", api_name="/classify"
    )
    assert set(confidences(answer)) == {"cat", "dog"}
    assert anchors is None


def test_many_pictures_make_a_matrix(client):
    heat_map, _, table, *_ = client.predict([CAT, DOG], "cat, dog", api_name="/classify_many")
    best = {row[4]: max((r for r in table["data"] if r[4] == row[4]), key=lambda r: r[1])[0] for row in table["data"]}
    assert best == {"kitten-yarn-ball.jpg": "cat", "dog-german-shepherd.jpg": "dog"}
    assert heat_map["plot"].startswith("data:image/")


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
def test_markup_and_odd_text_pass_through_as_text(client):
    labels = "<img src=x onerror=alert(1)>\n🐈\nقطة\n=cmd()\n$x^"
    answer, _, _, download, plot, _, _ = client.predict(CAT, labels, api_name="/classify")
    assert set(confidences(answer)) == set(labels.split("\n"))
    with open(download) as file:
        assert "'=cmd()" in file.read()
    assert plot is not None


@pytest.mark.slow
def test_a_probe_answers_with_its_own_labels(client, settings):
    """A model that a training run made, with other labels, and more of them, than were typed."""
    run = trained(settings.runs, "20260101-000000-aaaaaaaa", "three pets")
    config = {"architectures": ["LinearProbe"], "base": "embedded", "scale": 10.0, "labels": ["dog", "cat", "newt"]}
    (run / "model" / "config.json").write_text(json.dumps(config))
    weights = {"texts": torch.zeros(3, 1000), "weight": torch.zeros(3, 1280), "bias": torch.tensor([0.0, 9.0, 0.0])}
    save_file(weights, run / "model" / "model.safetensors")
    try:
        answer, note, *_, code = client.predict(CAT, "rose", model="three pets", api_name="/classify")
    finally:
        shutil.rmtree(run)
    assert (answer["label"], set(confidences(answer))) == ("cat", {"dog", "cat", "newt"})
    assert "labels of its own" in note
    assert "kitten-yarn-ball.jpg" in code
