# SPDX-License-Identifier: Apache-2.0

"""The handlers of the retrieval tab, without HTTP: searches, recall, and a gallery of a visitor's own."""

import html
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from core.assets import EXAMPLES_FOLDER
from core.data.galleries import AddReport, Gallery
from core.data.store import Store
from core.errors import UserError
from tabs import _galleries
from tabs.search import own_gallery, recall, searching
from tests.tabs.conftest import last, photo

EVIL = "<img src=http://evil.example/x> ![x](http://evil.example/y) `*"


@pytest.fixture(scope="module")
def keeping(lab, tmp_path_factory):
    """The lab with a store of its own."""
    place = tmp_path_factory.mktemp("kept")
    return replace(lab, store=Store(str(place), place / "pictures"))


@pytest.fixture
def mine():
    gallery = Gallery(_galleries.MINE)
    gallery.add(
        [(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg", "a kitten"), (EXAMPLES_FOLDER / "coffee-cup-spoon.jpg", "a cup")]
    )
    return gallery


@pytest.mark.slow
def test_words_find_pictures(lab):
    given = last(searching.search(lab, "rowing boats on a lake at sunset", k=5))
    assert [entry["id"] for entry in given.answer] == [row[3] for row in given.table["data"]]
    assert given.answer[0]["id"] == "rowing-boats-shore"
    assert len(given.found) == 5
    assert all(max(picture.size) <= _galleries.THUMBNAIL_SIDE for picture, _ in given.found)
    assert given.note == ""
    assert "boat" in given.shown
    assert given.shown.startswith('<p class="headline words">')
    assert given.answer[0]["caption"] in html.unescape(given.shown)
    assert given.why.count("<svg") == 2, "the similarities, and the map"
    assert "vectors.safetensors" in given.code, "253 pictures are not encoded again"


def test_a_gallery_of_ones_own_is_searched(lab, mine):
    given = last(searching.search(lab, "something to drink", gallery="mine", k=2, mine=mine))
    assert [entry["caption"] for entry in given.answer] == ["a cup", "a kitten"]
    assert "my-pictures" in given.code


def test_captions_are_found_for_a_picture(lab, mine):
    given = last(searching.describe(lab, photo("kitten-yarn-ball.jpg", "Only the first."), "mine", 2, mine=mine))
    assert [entry["caption"] for entry in given.answer] == ["a kitten", "a cup"]
    assert given.found == []
    assert given.note == "Only the first."


def test_a_ranking_is_ordered_anew(lab, mine):
    ids = [{"id": item.id} for item in mine.items]
    model = "Salesforce/blip-itm-base-coco"
    given = last(searching.rerank(lab, "a cup", ids, "mine", model, mine))
    scores = [entry["score"] for entry in given.answer]
    assert sorted(scores, reverse=True) == scores
    assert {entry["id"] for entry in given.answer} == {item.id for item in mine.items}
    assert given.why.count("<svg") == 1
    assert "probability that words and picture match" in given.why
    assert given.code == gr.skip(), "what the page shows of the search stays"


def test_recall_of_a_gallery(lab, mine):
    given = last(recall.recall(lab, "mine", mine=mine))
    assert given.table["data"] == [["words to pictures", 1, 1, 1], ["pictures to words", 1, 1, 1]]
    assert given.failures == []
    assert given.missed["data"] == []
    assert given.note == ""


@pytest.mark.parametrize(
    ("handler", "arguments", "message"),
    [
        (searching.search, {"query": " "}, "Say what you are looking for"),
        (searching.search, {"query": "a", "k": 0}, "between 1 and 100"),
        (searching.search, {"query": "a", "gallery": "mine"}, "no gallery of your own"),
        (searching.describe, {"image": None}, "Choose a picture first"),
        (
            searching.rerank,
            {"query": "a", "ranking_json": [5], "model": "Salesforce/blip-itm-base-coco"},
            "Search with words",
        ),
        (recall.recall, {"gallery": "mine", "mine": Gallery("mine")}, "at least two pictures"),
    ],
)
def test_refusals(lab, handler, arguments, message):
    with pytest.raises(UserError, match=message):
        list(handler(lab, **arguments))


def a_zip(folder, *names):
    archive = folder / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name in names:
            packed.write(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg", name)
        packed.writestr("captions.csv", "file,caption\nkitten.jpg,my kitten\n")
        packed.writestr("broken.png", b"no picture")
    return str(archive)


def test_pictures_of_a_zip_are_added_and_encoded(lab, tmp_path):
    first, *_, given = own_gallery.add_pictures(lab, [a_zip(tmp_path, "in/kitten.jpg")], "embedded", None)
    assert first.mine is given.mine, "the visitor has it before it is full"
    assert [item.caption for item in given.mine.items] == ["my kitten"]
    assert given.status.startswith("Added 1.\nLeft out 1:\n- 00002\\_broken\\.png: This file is not a picture")
    assert [rows.whole for rows in given.mine.known().values()] == [True]
    assert given.gallery.value == "mine"
    gone = own_gallery.remove_pictures(lab, [given.mine.items[0].id], given.mine)
    assert (gone.status, gone.content, gone.gallery.value) == ("Removed 1.", [], "bundled")


def test_an_upload_can_be_stopped(lab, tmp_path, monkeypatch):
    """What was added until then is kept, and the files' temporary folder goes with the work, not before it."""
    stopped, folders = threading.Event(), []

    def add(gallery, files, on_step=None, stop=None):
        folders.append(Path(files[0][0]).parent.parent)
        report = plain(gallery, files[:1])
        stop.wait(20)
        assert folders[0].is_dir()
        stopped.set()
        return report

    plain = Gallery.add
    monkeypatch.setattr(Gallery, "add", add)
    steps = own_gallery.add_pictures(lab, [a_zip(tmp_path, "a.jpg", "b.jpg")], "embedded", None)
    mine = next(steps).mine
    next(steps)
    steps.close()
    assert stopped.wait(20)
    given = own_gallery.stopped(lab, mine)
    assert given.status == "Stopped; what was finished is kept."
    assert len(given.content) == 1
    while folders[0].is_dir():
        pass


def test_unpacking_can_be_stopped(lab, tmp_path, monkeypatch):
    heard = threading.Event()

    def unpack(archive, into, stop):
        heard.set() if stop.wait(20) else None
        return {}

    monkeypatch.setattr(own_gallery, "unpack", unpack)
    steps = own_gallery.add_pictures(lab, [a_zip(tmp_path, "a.jpg")], "embedded", None)
    mine = next(steps).mine
    next(steps)
    steps.close()
    assert heard.wait(20)
    assert len(mine) == 0


def test_a_gallery_is_kept_and_deleted(keeping, mine):
    kept = own_gallery.keep_gallery(keeping, EVIL, mine)
    name = r"\<img src\=http\:\/\/evil\.example\/x\> \!\[x\]\(http\:\/\/evil\.example\/y\) \`\*"
    assert kept.status == f"Kept 2 pictures as “{name}”."
    assert kept.gallery.value in keeping.store.names()
    assert kept.mine == gr.skip()
    assert own_gallery.delete_gallery(keeping, EVIL, mine).status == "Deleted."
    assert keeping.store.names() == []


@pytest.mark.parametrize("name", ["bundled", " mine ", "gallery"])
def test_names_that_the_lab_uses_are_refused(keeping, mine, name):
    with pytest.raises(UserError, match="Choose another name"):
        own_gallery.keep_gallery(keeping, name, mine)
    assert keeping.store.names() == []


def test_what_the_owner_of_a_picture_should_know_is_said():
    report = AddReport(notes=[("a_b.gif", "Only the first of 3 frames is used.")], skipped=[("c", "why")])
    said = "Added 0.\n- a\\_b\\.gif: Only the first of 3 frames is used.\n\nLeft out 1:\n- c: why"
    assert own_gallery.added(report) == said


def test_nothing_in_the_name_of_a_file_is_markup():
    report = own_gallery.added(AddReport([], [(EVIL, "no picture")]))
    assert report.splitlines()[2] == (
        r"- \<img src\=http\:\/\/evil\.example\/x\> \!\[x\]\(http\:\/\/evil\.example\/y\) \`\*: no picture"
    )


@pytest.mark.parametrize(
    ("handler", "arguments", "message"),
    [
        (own_gallery.add_pictures, (None, "embedded", None), "Choose some pictures"),
        (own_gallery.remove_pictures, (["x"], None), "Choose the pictures to remove"),
        (own_gallery.keep_gallery, ("a name", None), "Your gallery is empty"),
        (own_gallery.delete_gallery, ("nobody's", None), "no gallery called"),
    ],
)
def test_refusals_of_a_gallery(keeping, handler, arguments, message):
    with pytest.raises(UserError, match=message):
        list(handler(keeping, *arguments))


def test_a_file_without_pictures_is_refused_and_nothing_is_changed(lab, tmp_path):
    captions = tmp_path / "captions.csv"
    captions.write_text("file,caption\na.jpg,a\n")
    steps = own_gallery.add_pictures(lab, [str(captions)], "embedded", None)
    mine = next(steps).mine
    with pytest.raises(UserError, match="no picture among these files"):
        list(steps)
    assert len(mine) == 0
