# SPDX-License-Identifier: Apache-2.0

"""Captions by several methods side by side: each row is what the method says by itself."""

import threading

import pytest
from PIL import Image

from core.data import bank
from core.data.bundled import bundled
from core.errors import Stopped, UserError
from core.models.abilities import Captioner
from core.tasks import asif, captioning, magic

BLIP = "Salesforce/blip-image-captioning-base"


@pytest.fixture(scope="module")
def pictures():
    return [Image.open(item.path).convert("RGB") for item in bundled().items[:2]]


def test_every_captioner_is_a_method(models):
    trained = [spec.id for spec in models.catalog.specs(Captioner)]
    assert BLIP in trained
    assert captioning.methods(models) == [*captioning.METHODS, *trained]


@pytest.mark.slow
def test_rows_are_what_each_method_says(models, pictures):
    steps = []
    rows = captioning.compare(models, pictures, ["ASIF", BLIP, "MaGiC"], lambda *step: steps.append(step))
    assert [(row.method, row.picture) for row in rows] == [(m, p) for m in ("ASIF", BLIP, "MaGiC") for p in (0, 1)]
    assert steps == [(2, 6), (4, 6), (6, 6)]
    for row in rows:
        picture = pictures[row.picture]
        if row.method == "ASIF":
            assert row.caption == asif.caption(models, picture, bank.shipped()).caption
        elif row.method == "MaGiC":
            (draft,) = magic.caption(models, "embedded", [picture], magic.VARIANTS[magic.RECALLED])
            assert row.caption == draft.text
        else:
            assert row.captions == models.call(BLIP, "caption", models.encode(BLIP, picture))
        vectors = models.embed_images("embedded", pictures) @ models.embed_texts("embedded", [row.caption])[0]
        assert row.similarity == pytest.approx(float(vectors[row.picture]), abs=1e-5)
        assert row.found == (vectors.argmax() == row.picture)


def test_files_are_read_a_few_at_a_time_and_their_notes_come_along(models, pictures, tmp_path, monkeypatch):
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=[pictures[1].resize(pictures[0].size)])
    pictures[1].save(tmp_path / "b.png")
    files = [tmp_path / "a.gif", *[tmp_path / "b.png"] * 5]
    sizes, steps = [], []
    method = lambda models, images, stop: sizes.append(len(images)) or [{"a cat": 1.0}] * len(images)  # noqa: E731
    monkeypatch.setitem(captioning.METHODS, "ASIF", method)
    rows = captioning.compare(models, files, ["ASIF"], lambda *step: steps.append(step))
    assert (sizes, steps) == ([4, 2], [(4, 6), (6, 6)])
    assert [row.note for row in rows] == ["Only the first of 2 frames is used.", *[""] * 5]


@pytest.mark.slow
def test_it_stops_within_a_caption(models, pictures, monkeypatch):
    """MaGiC hears it between two words, a bank between two blocks."""
    stop, words = threading.Event(), []
    run = models.engine.call

    def call(key, load, method, *args):
        if method == "propose":
            words.append(1)
            stop.set()
        return run(key, load, method, *args)

    monkeypatch.setattr(models.engine, "call", call)
    with pytest.raises(Stopped):
        captioning.compare(models, pictures, ["MaGiC as published"], stop=stop)
    assert words == [1]


def test_it_stops_between_batches(models, pictures):
    stop = threading.Event()
    with pytest.raises(Stopped):
        captioning.compare(models, pictures, ["ASIF", "MaGiC"], lambda *_: stop.set(), stop)


@pytest.mark.parametrize(
    ("count", "names", "message"),
    [
        (0, ["ASIF"], "Choose a picture"),
        (1, [], "at least one method"),
        (101, ["ASIF"], "at most 100"),
        (1, ["embedded"], "writes no captions"),
        (1, ["nobody/nothing"], "nobody/nothing"),
    ],
)
def test_what_cannot_be_compared_is_refused(models, pictures, count, names, message):
    with pytest.raises(UserError, match=message):
        captioning.compare(models, pictures[:1] * count, names)


@pytest.mark.slow
def test_the_program_shown_gives_the_same(models, pictures, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    pictures[0].save(photo)
    exec(captioning.program(models, BLIP, str(photo)).replace(f'"{BLIP}"', f'"{models.catalog.path(BLIP)}"'), {})
    (row,) = captioning.compare(models, pictures[:1], [BLIP])
    for line, (caption, confidence) in zip(capsys.readouterr().out.splitlines(), row.captions.items(), strict=True):
        assert line == f"{caption}: {confidence:.3f}"
