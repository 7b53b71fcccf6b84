# SPDX-License-Identifier: Apache-2.0

"""The contract of /search, /find_captions and /recall, and a gallery of a visitor's own."""

import csv

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from core.assets import EXAMPLES_FOLDER, GALLERY_FOLDER
from core.data.galleries import Gallery
from core.models.family import EMBEDDED
from core.settings import Settings
from core.tasks import retrieval
from tests.public import predict

DOG = handle_file(str(EXAMPLES_FOLDER / "dog-german-shepherd.jpg"))


@pytest.mark.slow
def test_words_find_pictures(client):
    given = predict(client, "search", "rowing boats on a lake at sunset")
    found, answer, table, download = given.found, given.answer, given.table, given.download
    assert answer[0]["id"] == "rowing-boats-shore"
    assert set(answer[0]) == {"id", "score", "caption"}
    assert [entry["score"] for entry in answer] == sorted((entry["score"] for entry in answer), reverse=True)
    assert len(found) == len(answer) == len(table["data"]) == 12
    assert [entry["caption"] for entry in found] == [entry["caption"] for entry in answer]
    assert Image.open(found[0]["image"]).size[0] > 100
    with open(download) as file:
        assert next(csv.DictReader(file))["id"] == "rowing-boats-shore"
    assert "rowing boats on a lake at sunset" in given.code


@pytest.mark.slow
def test_a_picture_finds_its_like_and_both_are_averaged(client):
    by_picture = predict(client, "search", "", DOG, k=5).answer
    assert by_picture[0]["id"] == "dog-german-shepherd"
    assert not any("cat" in entry["id"] or "kitten" in entry["id"] for entry in by_picture)
    both = predict(client, "search", "a cat", DOG, k=5).answer
    assert "dog-german-shepherd" in [entry["id"] for entry in both]
    assert any("cat" in entry["id"] or "kitten" in entry["id"] for entry in both)


def test_a_picture_finds_captions(client):
    given = predict(client, "find_captions", DOG, k=3)
    assert given.answer[0]["caption"] == "A German shepherd dog stands on dry grass with its tongue out."
    assert given.table["data"][0][2] == given.answer[0]["caption"]
    assert (len(given.answer), given.found, given.code) == (3, [], "")


@pytest.mark.slow
def test_recall_over_the_bundled_gallery(client):
    given = predict(client, "recall")
    (words, *t2i), (pictures, *i2t) = given.table["data"]
    assert (words, pictures) == ("words to pictures", "pictures to words")
    assert t2i[0] > 0.4
    assert i2t[0] > 0.4
    assert t2i == sorted(t2i)
    assert given.failures
    assert given.missed["data"][0][3] > 1
    assert given.note == ""


@pytest.mark.slow
def test_a_published_model_searches_too(client):
    answer = predict(client, "search", "a cat", k=2, model="openai/clip-vit-base-patch32").answer
    assert len(answer) == 2


@pytest.mark.slow
def test_blip_reads_words_and_pictures_together(client):
    model = "Salesforce/blip-itm-base-coco"
    plain = predict(client, "search", "a cat", k=6, model=model).answer
    given = predict(client, "rerank", "a cat", plain, model=model)
    again = given.answer
    assert given.code is None, "of the search, which a program has"
    assert {entry["id"] for entry in plain} == {entry["id"] for entry in again}
    scores = [entry["score"] for entry in again]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert scores != [entry["score"] for entry in plain]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"query": "a cat", "ranking_json": [{"id": "kitten-yarn-ball"}], "model": "embedded"},
            "embedded cannot do this",
        ),
        ({"query": " ", "ranking_json": [{"id": "kitten-yarn-ball"}]}, "Search with words first"),
        ({"query": "a cat", "ranking_json": []}, "Search with words first"),
        ({"query": "a cat", "ranking_json": [{"id": "../x"}, 5, {"id": {}}]}, "Search with words first"),
    ],
)
def test_rerank_refuses_plainly(client, arguments, message):
    with pytest.raises(AppError, match=message):
        client.predict(**arguments, api_name="/rerank")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": " "}, "Say what you are looking for"),
        ({"query": "x" * 501}, "at most 500"),
        ({"query": "a", "k": 0}, "between 1 and 100|minimum"),
        ({"query": "a", "k": 9999}, "between 1 and 100|maximum"),
        ({"query": "a", "gallery": "mine"}, "no gallery of your own"),
        ({"query": "a", "gallery": "../../etc"}, "no gallery called"),
    ],
)
def test_what_cannot_be_answered_gets_a_hint(client, arguments, message):
    with pytest.raises((AppError, ValueError), match=message):
        client.predict(api_name="/search", **arguments)


@pytest.mark.slow
def test_the_program_for_a_gallery_of_ones_own_gives_the_same_ranking(lab, tmp_path, capsys):
    """By words and a picture; by one of them, and of the lab's gallery, tests/core/tasks/test_retrieval.py has it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    names = ["cat-chelsea", "dogs-doorway", "horses-herd-foal", "coffee-cup-spoon"]
    found = [name for name in names if (GALLERY_FOLDER / "pictures" / f"{name}.jpg").exists()]
    for name in found:
        (pictures / f"{name}.jpg").write_bytes((GALLERY_FOLDER / "pictures" / f"{name}.jpg").read_bytes())
    gallery = Gallery("test", pictures, [item for item in lab.bundled.items if item.id in found])
    query = EXAMPLES_FOLDER / "dog-german-shepherd.jpg"
    vector = retrieval.query_vector(lab.models, EMBEDDED, "at night", Image.open(query).convert("RGB"))
    hits = retrieval.search(lab.models, EMBEDDED, gallery, vector, 3)
    program = retrieval.program(lab.models, EMBEDDED, "mine", "at night", str(query), 3)
    assert "'my-pictures'" in program
    exec(compile(program.replace("'my-pictures'", repr(str(pictures))), "program", "exec"), {})
    printed = [line.split(" ") for line in capsys.readouterr().out.strip().splitlines()]
    assert [name for _, name in printed] == [hit.id for hit in hits]
    assert [float(score) for score, _ in printed] == pytest.approx([hit.score for hit in hits], abs=2e-4)


def test_galleries_may_not_be_kept_without_a_place():
    settings = Settings.from_args(["--host", "0.0.0.0"], env={})
    import app

    page = app.build(app.open_lab(settings))
    buttons = [block.value for block in page.blocks.values() if type(block).__name__ == "Button"]
    assert "Add to my gallery" in buttons
    assert "Keep my gallery under this name" not in buttons
