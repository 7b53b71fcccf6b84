# SPDX-License-Identifier: Apache-2.0

"""One new file in core/models/families/, and one with its tiny checkpoint for the tests, are all it takes to add a family."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import core.models.families
from core.data.galleries import Gallery
from core.engine import Engine
from core.errors import UserError
from core.explain import gallery_map, scores
from core.models.abilities import DualEncoder
from core.models.family import FAMILIES, Family, register
from core.models.inference import Models
from core.settings import Settings
from core.tasks import retrieval, zero_shot
from tests import HUB_CACHE
from tests.conftest import snapshot
from tests.core.data.gallery_fakes import colour_files
from tests.core.models.families import test_families as every
from tests.core.models.families import tiny

DROPINS = Path(__file__).parents[3] / "dropins"
NAME, ID = "chinese_clip", "OFA-Sys/chinese-clip-vit-base-patch16"
LABELS = ["cat", "dog", "red car"]


@pytest.fixture
def dropped_in(monkeypatch, tmp_path):
    """The files stand beside those of core/models/families/ and of tiny/, and the checkpoint on the hub, until the test ends."""
    for package, folder in ((core.models.families, "families"), (tiny, "tiny")):
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(DROPINS / folder)])
    monkeypatch.setattr(FAMILIES, "_items", dict(FAMILIES._items))
    monkeypatch.setattr(tiny, "FILES", tiny.found())
    monkeypatch.setattr("core.models.catalog.REVISIONS", tmp_path / "revisions.json")
    tiny.FILES[ID].CHECKPOINTS[ID](snapshot(ID))
    yield
    shutil.rmtree(HUB_CACHE / f"models--{ID.replace('/', '--')}")
    for package in (core.models.families, tiny):
        sys.modules.pop(f"{package.__name__}.{NAME}", None)
        vars(package).pop(NAME, None)


@pytest.fixture
def models(dropped_in):
    return Models(Engine(Settings(device="cpu", cache_mb=0)))


def test_a_family_file_is_offered(models):
    assert ID in [spec.id for spec in models.catalog.specs(needs=DualEncoder)]
    assert models.catalog.spec(ID).family == "chinese-clip"
    assert "on this machine" in models.catalog.label(ID)


def test_a_local_checkpoint_of_it_is_offered(models, tmp_path):
    shutil.copytree(models.catalog.path(ID), tmp_path / "models" / "mine")
    own = Models(models.engine, tmp_path / "models")
    assert own.catalog.skipped == []
    np.testing.assert_array_equal(own.embed_texts("mine", LABELS), models.embed_texts(ID, LABELS))


@pytest.mark.slow
def test_it_passes_the_tests_of_every_family(models, images, texts):
    every.test_every_published_checkpoint_has_a_tiny_one(ID)
    every.test_scores_are_the_models_own(models, ID, images, texts)
    every.test_a_full_batch_equals_one_at_a_time(models, ID, images, texts)
    every.test_survives_being_unloaded(models, ID, images, texts)
    every.test_the_program_shown_gives_the_same(models, ID, images, texts)
    every.test_a_long_text_is_cut(models, ID)


def test_it_classifies_with_a_program_and_a_picture_of_what_decided(models, images, tmp_path, capsys):
    file = tmp_path / "a.png"
    images[0].save(file)
    result = zero_shot.classify(models, ID, [file], LABELS, ["a {}"])
    expected = every.official_logits(ID, models.catalog.path(ID), [images[0]], [f"a {label}" for label in LABELS])
    np.testing.assert_allclose(result.logits, expected, atol=1e-3)
    exec(compile(zero_shot.program(models, ID, [str(file)], LABELS, ["a {}"], "softmax"), "program", "exec"), {})
    printed = json.loads(capsys.readouterr().out.strip().splitlines()[-1].replace("'", '"'))
    assert printed == pytest.approx(dict(zip(LABELS, result.scores[0], strict=True)), abs=2e-4)
    before, _ = scores.drawing(result).figure.axes
    drawn = sorted(bar.get_width() for bar in before.patches)
    assert drawn == pytest.approx(sorted(result.similarities[0]))


def test_it_searches_a_gallery_and_lays_it_out_on_a_map(models, tmp_path):
    gallery = Gallery("mine", tmp_path / "pictures")
    gallery.add(colour_files(tmp_path / "in", 5))
    query = models.embed_texts(ID, ["a red car"])[0]
    hits = retrieval.search(models, ID, gallery, query, 5)
    vectors = gallery.vectors(models, ID)
    assert [hit.score for hit in hits] == pytest.approx(sorted((vectors @ query).tolist(), reverse=True))
    plane = gallery_map.fit_plane(vectors)
    assert plane.points.shape == (5, 2)


def test_without_the_file_it_is_gone(engine):
    models = Models(engine)
    assert ID not in [spec.id for spec in models.catalog.specs()]
    with pytest.raises(UserError, match=f"There is no model called '{ID}'"):
        models.catalog.spec(ID)


def test_a_name_cannot_be_taken_twice(models):
    with pytest.raises(ValueError, match="registered twice"):
        register(Family("chinese-clip", DualEncoder, ()))
