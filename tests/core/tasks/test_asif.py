# SPDX-License-Identifier: Apache-2.0

"""ASIF captions: the sparse bank gives what the paper's five steps give, and every change to the anchors is felt."""

import threading

import numpy as np
import pytest
from PIL import Image

from core.assets import EXAMPLES_FOLDER
from core.data import bank
from core.data.bundled import bundled
from core.errors import Stopped, UserError
from core.models.family import EMBEDDED
from core.tasks import asif
from core.tasks._consensus import agreement

CAPTIONS = [
    "a cat playing with a ball of yarn",
    "a kitten lying on a red blanket",
    "a tabby cat on a sofa",
    "two boats on a lake at sunset",
    "a dog standing in the grass",
    "a man riding a horse on the beach",
]


@pytest.fixture(scope="module")
def kitten():
    return Image.open(EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").convert("RGB")


@pytest.fixture
def small(models):
    return bank.make(models, CAPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "p"), [(100, 2), (20, 2.5), (5, 1)])
def test_scores_are_the_papers_five_steps(models, kitten, small, k, p):
    def relative(similarities):
        row = np.maximum(similarities.astype(float), 0)
        row[np.argsort(-row)[k:]] = 0
        return row**p / np.linalg.norm(row**p)

    seen = relative(models.call(EMBEDDED, "anchor_images", [kitten]).numpy()[0])
    expected = {
        text: float(seen @ relative(row))
        for text, row in zip(CAPTIONS, models.call(EMBEDDED, "anchor_texts", CAPTIONS).numpy(), strict=True)
    }
    found = asif.caption(models, kitten, small, k, p)
    assert {one.caption for one in found.best} == {text for text, score in expected.items() if score > 0}
    for one in found.best:
        assert one.score == pytest.approx(expected[one.caption], abs=1e-3)
    assert found.first == max(expected, key=expected.get)
    assert asif.label_scores(models, kitten, CAPTIONS, k, p) == pytest.approx(list(expected.values()), abs=1e-6)


def test_the_evidence_adds_up_to_the_score(models, kitten, small):
    found = asif.caption(models, kitten, small)
    assert "cat" in found.caption or "kitten" in found.caption
    assert found.best[0].caption == found.caption
    assert sum(anchor.product for anchor in found.evidence) == pytest.approx(found.best[0].score, abs=1e-3)
    assert found.evidence[0].name == "tabby cat"
    products = [anchor.product for anchor in found.evidence]
    assert products == sorted(products, reverse=True)


def test_an_anchor_taken_away_is_gone_from_both_sides(models, kitten, small):
    whole = asif.caption(models, kitten, small)
    gone = tuple(anchor.name for anchor in whole.evidence[:4])
    without = asif.caption(models, kitten, small, edits=asif.Edits(removed=gone))
    assert not {anchor.name for anchor in without.evidence} & set(gone)
    assert without.best[0].score < whole.best[0].score


@pytest.mark.slow
def test_an_anchor_of_the_visitors_own_is_heard(models, kitten, small):
    boats = Image.open(EXAMPLES_FOLDER / "rowing-boats-shore.jpg").convert("RGB")
    told = asif.caption(models, kitten, small, edits=asif.Edits(added=((kitten, "two boats on a lake"),)))
    assert told.first == "two boats on a lake at sunset"  # it was told that this picture shows boats
    assert told.evidence[0].name == "two boats on a lake" or told.caption != told.first
    unmoved = asif.caption(models, kitten, small, edits=asif.Edits(added=((boats, "two boats on a lake"),)))
    assert "boats" not in unmoved.first


def test_the_pictures_own_caption_can_be_left_out(models, kitten, small):
    first = asif.caption(models, kitten, small).first
    assert first not in [one.caption for one in asif.caption(models, kitten, small, without=first).best]


@pytest.mark.slow
def test_a_caption_that_is_left_out_stays_out_with_anchors_added(models, kitten, small):
    """With few captions all of them are scored again, and the one left out would win: an anchor speaks for it."""
    own = CAPTIONS[0]
    edits = asif.Edits(added=(asif.anchor(kitten, own),))
    assert asif.caption(models, kitten, small, edits=edits).first == own
    found = asif.caption(models, kitten, small, edits=edits, without=own)
    assert own not in [found.caption, found.first, *[one.caption for one in found.best]]
    with pytest.raises(UserError, match="No caption of the bank"):
        asif.caption(models, kitten, bank.make(models, [own]), edits=edits, without=own)


@pytest.mark.slow
def test_anchors_are_kept_at_the_size_that_the_model_reads(models, small):
    large = Image.open(EXAMPLES_FOLDER / "rowing-boats-shore.jpg").resize((3000, 2000))
    picture, words = asif.anchor(large, " two boats ")
    assert (picture.size, words) == ((576, 384), "two boats")
    assert asif.anchor(Image.new("RGB", (300, 20)), "a line")[0].size == (300, 20)
    assert asif.anchor(Image.new("RGB", (9000, 900)), "a strip")[0].size == (1536, 154)
    scores = [
        asif.caption(models, large, small, edits=asif.Edits(added=((one, words),))).best[0].score
        for one in (large, picture)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)
    for missing in ((None, "words"), (large, " ")):
        with pytest.raises(UserError, match="a picture, and words"):
            asif.anchor(*missing)


@pytest.mark.parametrize("removed", [(), (3, 700)])
def test_blocks_of_captions_give_what_all_at_once_give(monkeypatch, removed):
    shipped, picture = bank.shipped(), np.random.default_rng(0).random(1000)
    sharpen = asif.Sharpening(60, 2.5, np.array(removed, np.intp))
    blocked = sharpen.bank_scores(shipped, picture)
    monkeypatch.setattr("core.tasks._sharpening.CAPTIONS_AT_ONCE", len(shipped))
    np.testing.assert_allclose(blocked, sharpen.bank_scores(shipped, picture), rtol=1e-6)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        sharpen.bank_scores(shipped, picture, stop)


def test_agreement_prefers_what_is_common():
    captions = ["a cat on a red sofa", "a cat on a blue sofa", "a cat on a sofa", "seven purple elephants"]
    small = bank.Bank(tuple(captions), np.zeros((4, 1), np.uint16), np.zeros((4, 1), np.float16))
    found = agreement(captions, np.ones(4), small.document_frequencies, small.log_size)
    assert found.argmax() == 2
    assert found[3] == 0
    assert ((found >= 0) & (found <= 1)).all()
    # A caption counts with its weight: with all of it on the blue one, what resembles that comes first.
    weighted = agreement(captions, np.array([0, 1, 0, 0.0]), small.document_frequencies, small.log_size)
    assert weighted[1] == 0
    assert weighted[0] > 0 or weighted[2] > 0


@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 101}, {"p": 0}, {"p": 9}, {"name": "openai/clip-vit-base-patch32"}])
def test_impossible_settings_are_refused(models, kitten, small, wrong):
    with pytest.raises(UserError):
        asif.caption(models, kitten, small, **wrong)


def test_what_is_not_there_is_said(models, kitten, small):
    with pytest.raises(UserError, match="Choose a picture"):
        asif.caption(models, None, small)
    with pytest.raises(UserError, match="no anchor called"):
        asif.caption(models, kitten, small, edits=asif.Edits(removed=("unicorn",)))


@pytest.mark.slow
def test_the_program_shown_gives_the_same(models, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    picture = Image.open(EXAMPLES_FOLDER / "rowing-boats-shore.jpg").convert("RGB")
    picture.save(photo)
    exec(asif.program(str(photo), 60, 2.5), {})
    assert capsys.readouterr().out.strip() == asif.caption(models, picture, bank.shipped(), 60, 2.5).caption


def test_a_gallerys_own_picture_is_known_by_sight(models, kitten):
    gallery = bundled()
    (own,) = (item.caption for item in gallery.items if item.id == "kitten-yarn-ball")
    assert asif.own_caption(models, gallery, kitten.resize((400, 260))) == own
    assert asif.own_caption(models, gallery, Image.new("RGB", (300, 200), "red")) == ""
