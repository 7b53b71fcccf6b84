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

CAT = handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg"))
SIZE = Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").size


@pytest.fixture(scope="module")
def answer(url):
    from gradio_client import Client

    return Client(url, verbose=False).predict(CAT, "a cat, a banana", 0.5, "embedded", api_name="/segment")


def test_the_cat_is_painted_and_the_banana_is_not_there(answer):
    painted, rows = answer[:2]
    assert max(Image.open(painted).size) == max(SIZE)
    cat, banana = rows
    assert (cat["label"], banana["label"]) == ("a cat", "a banana")
    assert 0.1 < cat["coverage"] < 0.7
    assert banana["coverage"] < 0.05
    x0, y0, x1, y1 = cat["box"]
    assert 0 <= x0 < SIZE[0] / 2 < x1 <= SIZE[0]
    assert 0 <= y0 < SIZE[1] / 2 < y1 <= SIZE[1]


def test_masks_are_files_that_fit_the_numbers(answer):
    for row in answer[1]:
        mask = np.asarray(Image.open(row["mask"]))
        assert mask.shape == SIZE[::-1]
        assert mask.mean() == pytest.approx(row["coverage"], abs=1e-5)


def test_downloads(answer):
    _, rows, _, table, masks, coco = answer[:6]
    with zipfile.ZipFile(masks) as archive:
        assert archive.namelist() == ["mask-01.png", "mask-02.png", "prompts.txt"]
    with open(coco) as file:
        written = json.load(file)
    assert [category["name"] for category in written["categories"]] == ["a cat", "a banana"]
    assert written["annotations"][0]["area"] == round(rows[0]["coverage"] * SIZE[0] * SIZE[1])
    assert [row[0] for row in table["data"]] == ["a cat", "a banana"]


@pytest.mark.slow
def test_an_example_picture_finds_its_like(client):
    other = handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))
    rows = client.predict(CAT, CAT, "", api_name="/segment_like")[1]
    assert rows[0]["label"] == "like the example"
    assert rows[0]["coverage"] > 0.05
    dog = client.predict(other, other, "60, 40, 400, 400", api_name="/segment_like")[1]
    assert dog[0]["coverage"] > 0.05


@pytest.mark.slow
def test_a_published_model_segments(client):
    painted, rows, *_ = client.predict(CAT, "a cat", 0.5, "CIDAS/clipseg-rd64-refined", api_name="/segment")
    assert Image.open(painted)
    assert rows[0]["label"] == "a cat"


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
