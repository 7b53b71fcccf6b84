# SPDX-License-Identifier: Apache-2.0

"""The contracts of /caption_asif, /caption_magic and /caption_compare, through gradio_client."""

import csv
import itertools
import json
import time
from pathlib import Path

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from core.assets import EXAMPLES_FOLDER
from core.data.galleries import Gallery
from core.data.store import Store
from tests.public import named, predict

pytestmark = pytest.mark.slow

PAIRS = {"kitten-yarn-ball": "a kitten with yarn", "dog-german-shepherd": "a dog", "coffee-cup-spoon": "a cat's cup"}
CAT, BOATS = (
    handle_file(str(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg")),
    handle_file(str(EXAMPLES_FOLDER / "rowing-boats-shore.jpg")),
)
PUBLISHED = ("openai/clip-vit-base-patch32", "cambridgeltl/magic_mscoco")


def asif(client, *arguments):
    return predict(client, "caption_asif", *arguments)


@pytest.fixture(scope="module")
def chosen(client):
    return asif(client, CAT)


def test_a_caption_is_chosen_with_its_anchors(client, chosen):
    given = chosen
    caption, evidence = given.caption, given.answer
    assert "cat" in caption or "kitten" in caption
    assert evidence["caption"] == caption == evidence["best"][0]["caption"] == given.table["data"][0][0]
    products = [anchor["product"] for anchor in evidence["anchors"]]
    assert products == sorted(products, reverse=True)
    assert sum(products) == pytest.approx(evidence["best"][0]["score"], abs=1e-3)
    for anchor in evidence["anchors"]:
        assert anchor["product"] == pytest.approx(anchor["image"] * anchor["text"])
    with open(given.download) as file:
        assert next(csv.DictReader(file))["caption"] == caption
    assert "bank.shipped()" in given.code
    assert "boat" in asif(client, BOATS).caption


def test_k_p_and_anchors_change_the_answer(client, chosen):
    whole = chosen.answer
    sharp = asif(client, CAT, "bundled", 3, 6).answer
    assert len(sharp["anchors"]) <= 3 < len(whole["anchors"])
    gone = [anchor["name"] for anchor in whole["anchors"][:2]]
    without = asif(client, CAT, "bundled", 100, 2, "embedded", None, gone).answer
    assert not {anchor["name"] for anchor in without["anchors"]} & set(gone)


def test_other_banks(client, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("a kitten with a ball of wool\nsomething else entirely\ntwo boats\n")
    own = asif(client, CAT, "mine", 100, 2, "embedded", handle_file(str(mine)))
    assert own.caption == "a kitten with a ball of wool"
    # The picture is in the gallery: its own caption is left out, unless it is asked for.
    scores = [asif(client, CAT, "gallery", 100, 2, "embedded", None, [], out).answer for out in (True, False)]
    found, own = ({one["caption"] for one in answer["best"]} for answer in scores)
    assert "cat" in scores[0]["caption"] or "kitten" in scores[0]["caption"]
    assert [text for text in own - found if "yarn" in text or "wool" in text]


def test_the_captions_of_a_kept_gallery_are_a_bank(client, settings, tmp_path):
    store = Store(settings.galleries, Path(settings.pictures))
    gallery = Gallery("a few", tmp_path)
    gallery.add([(EXAMPLES_FOLDER / f"{name}.jpg", words) for name, words in PAIRS.items()])
    store.keep(gallery, "a few")
    try:
        evidence = asif(client, CAT, "a few").answer
        # The picture is in it: its own caption is left out there, too.
        assert {one["caption"] for one in evidence["best"]} <= set(PAIRS.values()) - {PAIRS["kitten-yarn-ball"]}
        whole = asif(client, CAT, "a few", 100, 2, "embedded", None, [], False).answer
        assert whole["highest score"] == PAIRS["kitten-yarn-ball"]
    finally:
        store.delete("a few")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None,), "Choose a picture"),
        ((CAT, "nobody's"), "no gallery called"),
        ((CAT, "mine"), "Choose your text file"),
        ((CAT, "bundled", 0), "minimum value 1"),
        ((CAT, "bundled", 100, 9), "maximum value 8"),
        ((CAT, "bundled", 100, 2, PUBLISHED[0]), PUBLISHED[0]),
    ],
)
def test_asif_refuses_in_plain_words(client, arguments, message):
    with pytest.raises(AppError, match=message):
        asif(client, *arguments)


def test_a_caption_grows_with_its_steps(client):
    job = client.submit(CAT, 5, 0.1, 2.0, 8, api_name="/caption_magic")
    answer = named("caption_magic", job.result())
    evidence = answer.answer
    given = [named("caption_magic", update).caption for update in job.outputs()]
    assert given[-1] == given[-2] == answer.caption == evidence["caption"]
    growing = [text for text, _ in itertools.groupby(text for text in given if isinstance(text, str))]
    words = [step["candidates"][step["chosen"]] for step in evidence["steps"]]
    assert len(growing) == len([word for word in words if word])
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(growing))
    for step, row in zip(evidence["steps"], answer.table["data"], strict=True):
        terms = zip(step["probabilities"], step["penalties"], step["shares"], strict=True)
        assert step["scores"] == pytest.approx([0.9 * p - 0.1 * d + 2 * s for p, d, s in terms], abs=1e-4)
        assert row[1] == (step["candidates"][step["chosen"]] or "(end)")
    assert "GPT2LMHeadModel" in answer.code


def test_a_caption_that_is_cancelled_gives_the_device_back(client):
    job = client.submit(CAT, 60, 0.1, 2.0, 40, api_name="/caption_magic")
    while not job.outputs():
        time.sleep(0.05)
    job.cancel()
    given = predict(client, "caption_magic", CAT, 5, 0.1, 2.0, 4)
    assert 1 <= len(given.answer["steps"]) <= 3, "and the device goes on serving"
    assert given.caption == given.answer["caption"]


def test_the_default_recalls_and_the_rule_as_published_is_kept(client):
    default = predict(client, "caption_magic", CAT)
    assert any(share for step in default.answer["steps"] for share in step["recalled"])
    assert "Recalled" in default.code
    published = predict(client, "caption_magic", CAT, 45, 0.1, 2, 16, "embedded", "embedded-captioner", 0, 0)
    assert not any(share for step in published.answer["steps"] for share in step["recalled"])
    assert len(published.answer["steps"][0]["candidates"]) == 45
    assert "Recalled" not in published.code


def test_the_published_pair_writes(client):
    given = predict(client, "caption_magic", CAT, 4, 0.1, 2.0, 5, *PUBLISHED, 0, 0)
    assert 1 <= len(given.answer["steps"]) <= 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((None,), "Choose a picture"), ((CAT, 0), "minimum value 1"), ((CAT, 5, 2), "maximum value 1")],
)
def test_magic_refuses_in_plain_words(client, arguments, message):
    with pytest.raises(AppError, match=message):
        client.predict(*arguments, api_name="/caption_magic")


def test_methods_are_compared_on_one_picture(client):
    methods = ["ASIF", "Salesforce/blip-image-captioning-base"]
    given = predict(client, "caption_compare", CAT, None, methods)
    table, evidence = given.table, given.answer
    assert [row[:2] for row in table["data"]] == [["kitten-yarn-ball.jpg", method] for method in methods]
    assert [row[2] for row in table["data"]] == [one["caption"] for one in evidence]
    assert all(next(iter(one["captions"])) == one["caption"] for one in evidence)
    assert len(evidence[1]["captions"]) > 1, "the beams beside the answer"
    with open(given.download) as file:
        assert [row["caption"] for row in csv.DictReader(file)] == [one["caption"] for one in evidence]
    assert json.loads(Path(given.download_json).read_text()) == evidence
    assert given.note == "", "with one picture there is none to mistake it for"
    assert "BlipForConditionalGeneration" in given.code


def test_many_pictures_are_told_apart(client):
    files = [handle_file(str(EXAMPLES_FOLDER / f"{name}.jpg")) for name in PAIRS]
    given = predict(client, "caption_compare", None, files, ["ASIF", "MaGiC"])
    assert [row[0] for row in given.table["data"]] == [f"{name}.jpg" for name in PAIRS] * 2
    assert "- ASIF: 3 of 3" in given.note
    assert given.code == ""
