# SPDX-License-Identifier: Apache-2.0

"""The contract of /segment, and what the page does with its result, through gradio_client."""

import json
import zipfile

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from tests.public import predict

CAT = handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"))
SIZE = Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").size


@pytest.fixture(scope="module")
def answer(client):
    return predict(client, "segment", CAT, "a cat, a banana", 0.5, "embedded", False)


def test_the_cat_is_painted_and_the_banana_is_not_there(answer):
    assert max(Image.open(answer.painted).size) == max(SIZE)
    cat, banana = answer.answer
    assert (cat["label"], banana["label"]) == ("a cat", "a banana")
    assert 0.1 < cat["coverage"] < 0.7
    assert banana["coverage"] < 0.05
    x0, y0, x1, y1 = cat["box"]
    assert 0 <= x0 < SIZE[0] / 2 < x1 <= SIZE[0]
    assert 0 <= y0 < SIZE[1] / 2 < y1 <= SIZE[1]


def test_masks_are_files_that_fit_the_numbers(answer):
    for row in answer.answer:
        mask = np.asarray(Image.open(row["mask"]))
        assert mask.shape == SIZE[::-1]
        assert mask.mean() == pytest.approx(row["coverage"], abs=1e-5)


def test_downloads(answer):
    with zipfile.ZipFile(answer.download) as archive:
        assert archive.namelist() == ["mask-01.png", "mask-02.png", "prompts.txt"]
    with open(answer.coco) as file:
        written = json.load(file)
    assert [category["name"] for category in written["categories"]] == ["a cat", "a banana"]
    assert written["annotations"][0]["area"] == round(answer.answer[0]["coverage"] * SIZE[0] * SIZE[1])
    assert [row[0] for row in answer.table["data"]] == ["a cat", "a banana"]


@pytest.mark.slow
def test_masks_do_not_overlap_unless_it_is_asked_for(client):
    """Two prompts for the same thing: each pixel goes to one of them."""
    masks = [
        [
            np.asarray(Image.open(row["mask"]))
            for row in predict(client, "segment", CAT, "a cat, a kitten", *mode).answer
        ]
        for mode in ((), (0.5, "embedded", False))
    ]
    (cat, kitten), (each_cat, each_kitten) = masks
    assert not (cat & kitten).any()
    assert (each_cat & each_kitten).any()
    assert ((cat | kitten) == (each_cat | each_kitten)).all()


@pytest.mark.slow
def test_an_example_picture_finds_its_like(client):
    other = handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    rows = predict(client, "segment_like", CAT, CAT, "").answer
    assert rows[0]["label"] == "like the example"
    assert rows[0]["coverage"] > 0.05
    dog = predict(client, "segment_like", other, other, "60, 40, 400, 400").answer
    assert dog[0]["coverage"] > 0.05


@pytest.mark.slow
def test_a_published_model_segments(client):
    given = predict(client, "segment", CAT, "a cat", 0.5, "CIDAS/clipseg-rd64-refined")
    assert Image.open(given.painted)
    assert given.answer[0]["label"] == "a cat"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, "a cat"), "Choose a picture"),
        ((CAT, " "), "Say what to cut out"),
        ((CAT, ",".join(map(str, range(20)))), "at most 16"),
        ((CAT, "a cat", 0.5, "nobody/nothing"), "nobody/nothing"),
        ((CAT, "a cat", 0.5, "openai/clip-vit-base-patch32"), "cannot do this"),
    ],
)
def test_refusals(client, arguments, message):
    with pytest.raises(AppError, match=message):
        client.predict(*arguments, api_name="/segment")
