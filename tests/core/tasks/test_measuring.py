# SPDX-License-Identifier: Apache-2.0

"""Models measured on the pictures that come with the lab: tiny random ones, so that what they get is what a guess gets."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from core.data.bundled import bundled
from core.data.galleries import Gallery
from core.errors import Stopped, UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.trust import look_up
from core.tasks import _measures, measuring
from core.tasks.measuring import kinds, measure, nouns
from core.trust import sentence
from tests.core.models.trained.test_trained import trained

CLIP, BLIP_VQA = "openai/clip-vit-base-patch32", "Salesforce/blip-vqa-base"
CLIPSEG, BLIP = "CIDAS/clipseg-rd64-refined", "Salesforce/blip-image-captioning-base"


@pytest.fixture(scope="module")
def gallery():
    return bundled()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(measuring, "FEWEST", 4)
    monkeypatch.setattr("core.measured.DRAWS", 50)


@pytest.fixture
def kept(models, tmp_path):
    models.figures.folder = tmp_path / "figures"
    return models


def test_what_can_be_measured_of_a_model(models):
    assert kinds(models, CLIP) == ["similarity"]
    assert kinds(models, BLIP_VQA) == ["vqa"]
    assert kinds(models, BLIP) == ["captions"]
    assert "segmentation" in kinds(models, CLIPSEG)
    assert kinds(models, EMBEDDED) == []


def test_the_built_in_model_is_not_measured_on_what_it_was_fitted_to(models, gallery):
    with pytest.raises(UserError, match="was fitted on these pictures"):
        measure(models, EMBEDDED, "similarity", gallery)


def test_what_makes_no_sense_is_refused(models, gallery, tmp_path):
    with pytest.raises(UserError, match=r"no measurement called 'taste'\. Choose one of: similarity, vqa"):
        measure(models, CLIP, "taste", gallery)
    with pytest.raises(UserError, match="cannot do this"):
        measure(models, CLIP, "vqa", gallery)
    with pytest.raises(UserError, match="only 0 can be measured on"):
        measure(models, CLIP, "similarity", Gallery("mine", tmp_path))


def test_similarity_is_measured_kept_and_looked_up(kept, gallery):
    steps = []
    figures = measure(kept, CLIP, "similarity", gallery, lambda *step: steps.append(step), most=12)
    assert set(figures) > {"presence.mAP", "choice.top1", "choice.ECE", "t2i.R@1", "t2i.R@5", "i2t.R@1", "i2t.R@5"}
    assert figures["t2i.R@1"].n == 12
    assert figures["t2i.R@1"].prior == pytest.approx(1 / 12)
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    known = look_up(kept, CLIP, "t2i.R@5")
    assert known.measured == figures["t2i.R@5"]
    assert known.data == "12 of the 253 pictures that come with the lab"
    assert "pictures that come with the lab" in sentence(known)
    assert [path.suffix for path in kept.figures.folder.iterdir()] == [".json"]


def test_every_noun_is_asked_about_as_often_where_it_is_as_where_it_is_not(gallery):
    shown = measuring._drawn(gallery, list(gallery.items), None)
    asked = _measures.balanced(shown)
    for noun in ("animal", "cat"):
        there = [one.there for one in asked if one.noun == noun]
        assert sum(there) * 2 == len(there) > 10
    truth = nouns()
    assert all((one.noun in truth[shown.items[one.picture].id]) == one.there for one in asked)


@pytest.mark.slow
def test_answers(kept, gallery):
    figures = measure(kept, BLIP_VQA, "vqa", gallery, most=6)
    assert figures["vqa.existence"].prior == 0.5
    assert not figures["vqa.existence"].beats_prior
    assert "guess" in sentence(look_up(kept, BLIP_VQA, "vqa.existence"))


@pytest.mark.slow
def test_painted_shares(kept, gallery):
    figures = measure(kept, CLIPSEG, "segmentation", gallery, most=6)
    assert set(figures) == {"segmentation.present_area", "segmentation.absent_area"}
    assert figures["segmentation.present_area"].n == figures["segmentation.absent_area"].n
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in figures.values())


@pytest.mark.slow
def test_captions(kept, gallery):
    figures = measure(kept, BLIP, "captions", gallery, most=6)
    assert set(figures) == {"caption.R@1", "caption.R@5"}
    assert figures["caption.R@1"].prior == pytest.approx(1 / 253)


@pytest.mark.parametrize("after", [1, 6])
def test_stopping_leaves_nothing_half_written(kept, gallery, after):
    stop, steps = threading.Event(), []

    def step(done, total):
        steps.append(done)
        if done >= after:
            stop.set()

    with pytest.raises(Stopped):
        measure(kept, CLIPSEG, "segmentation", gallery, step, stop, most=12)
    assert max(steps) <= after + 1
    assert look_up(kept, CLIPSEG, "segmentation.absent_area") is None
    assert not kept.figures.folder.exists()


def test_files_that_change_meanwhile_are_not_measured(kept, gallery, monkeypatch):
    names = iter(["before", "after"])
    monkeypatch.setattr(measuring, "identity", lambda *_: next(names))
    with pytest.raises(UserError, match="changed while it was measured"):
        measure(kept, CLIP, "similarity", gallery, most=4)
    assert not kept.figures.folder.exists()


@pytest.fixture
def run(tmp_path, gallery):
    """A run on the bundled gallery that trained on its first 250 pictures."""
    folder = trained(tmp_path / "runs", "1-aaaaaaaa")
    (folder / "data").mkdir()
    for item in gallery.items:
        shutil.copy(item.path, folder / "data")
    rows = [{"image": f"data/{Path(item.path).name}", "text": item.caption} for item in gallery.items]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "split.json").write_text(json.dumps({"train": list(range(250)), "held_out": [250, 251, 252]}))
    return folder


def test_a_trained_model_is_not_measured_on_what_it_was_trained_on(engine, run, gallery):
    models = Models(engine, runs=run.parent)
    left = measuring._unseen(models, "mine", gallery.items)
    assert [item.id for item in left] == [item.id for item in gallery.items[250:]]
    with pytest.raises(UserError, match="only 3 can be measured on"):
        measure(models, "mine", "similarity", gallery)
    (run / "split.json").unlink()
    with pytest.raises(UserError, match="cannot be read from its run"):
        measure(models, "mine", "similarity", gallery)


def test_nor_on_what_its_scenes_were_made_of(engine, run, gallery):
    (run / "request.json").write_text(json.dumps({"objective": "contrastive", "data": "scenes", "name": "mine"}))
    models = Models(engine, runs=run.parent)
    assert kinds(models, "mine") == []


def test_the_subset_is_the_same_each_time(gallery):
    first, second = (measuring._drawn(gallery, list(gallery.items), 60) for _ in range(2))
    assert first.items == second.items
    assert len(first.items) == 60
    np.testing.assert_array_equal(first.present, second.present)
