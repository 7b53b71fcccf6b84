# SPDX-License-Identifier: Apache-2.0

"""A local checkpoint that is trained again in place: what it computes is filed under what its weights are."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.data.galleries import Gallery, Space
from core.data.store import Store
from core.engine import Engine
from core.errors import UserError
from core.images import read
from core.models.families.clip import CLIP
from core.models.inference import Models
from core.settings import Settings
from tests.core.data.gallery_fakes import colour_files
from tests.core.models.local import lab


def test_new_weights_under_an_old_name_are_not_taken_for_the_old(folder, tmp_path):
    shutil.copytree(folder / "mine", tmp_path / "mine")
    models = Models(Engine(Settings(device="cpu")), tmp_path)
    before, old = models.catalog.revision("mine"), models.embed_texts("mine", ["a cat"])
    weights = load_file(tmp_path / "mine" / "model.safetensors")
    weights["text_projection.weight"] = torch.flip(weights["text_projection.weight"], [0])
    save_file(weights, tmp_path / "mine" / "model.safetensors", {"format": "pt"})
    assert models.catalog.revision("mine") != before
    assert not np.allclose(models.embed_texts("mine", ["a cat"]), old, atol=1e-3)


def retrained(folder):
    """Other weights in the same place, as a run that trains again leaves them."""
    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"] = torch.flip(weights["text_projection.weight"], [0])
    weights["visual_projection.weight"] = torch.flip(weights["visual_projection.weight"], [0])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def test_new_weights_answer_also_while_the_old_ones_are_in_use(mine, images):
    models = lab(mine)
    texts, pictures = ["a cat"], images[:2]
    old = models.embed_texts("mine", texts), models.embed_images("mine", pictures)
    with models.lease("mine"):
        retrained(mine)
        new = models.embed_texts("mine", texts), models.embed_images("mine", pictures)
    fresh = lab(mine)
    np.testing.assert_array_equal(new[0], fresh.embed_texts("mine", texts))
    np.testing.assert_array_equal(new[1], fresh.embed_images("mine", pictures))
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(old, new, strict=True))
    models.key("mine")
    assert models.engine.resident == [models.key("mine")], "the old ones are dropped once nobody uses them"


def test_weights_replaced_while_they_are_loaded_are_filed_under_no_name(mine, monkeypatch):
    models = lab(mine)
    before = models.catalog.revision("mine")
    load = CLIP.load.__func__

    def slow(cls, path, device, dtype):
        loaded = load(cls, path, device, dtype)
        retrained(mine)
        monkeypatch.undo()
        return loaded

    monkeypatch.setattr(CLIP, "load", classmethod(slow))
    with pytest.raises(UserError, match="changed while they were in use"):
        models.embed_texts("mine", ["a cat"])
    assert models.engine.resident == []
    assert models.catalog.revision("mine") != before
    found = models.embed_texts("mine", ["a cat"])
    np.testing.assert_array_equal(found, lab(mine).embed_texts("mine", ["a cat"]))


@pytest.fixture(params=["of the visit", "kept in LanceDB"])
def galleries(request, tmp_path):
    """(a gallery of four pictures, a function that opens it anew)."""
    gallery = Gallery("mine", tmp_path / "pictures")
    gallery.add(colour_files(tmp_path / "in", 4))
    if request.param == "of the visit":
        return gallery, lambda: gallery
    pytest.importorskip("lancedb")
    place = str(tmp_path / "store"), tmp_path / "kept"
    return Store(*place).keep(gallery, "kept"), lambda: Store(*place).open("kept")  # read from the disk


def own_vectors(folder, gallery):
    """By a model that was loaded from the folder as it is now."""
    return lab(folder).embed_images("mine", [read(item.path).image for item in gallery.items])


def test_a_gallery_files_vectors_under_the_weights_that_made_them(mine, galleries):
    models = lab(mine)
    gallery, opened_anew = galleries
    old = gallery.vectors(models, "mine")
    with models.lease("mine"):
        retrained(mine)
        new = gallery.vectors(models, "mine")
    np.testing.assert_allclose(new, own_vectors(mine, gallery), atol=1e-5)
    np.testing.assert_allclose(opened_anew().vectors(models, "mine"), new, atol=1e-6)
    assert np.abs(old - new).max() > 1e-3


@pytest.mark.slow
def test_a_model_trained_again_while_a_gallery_is_embedded_stops_it(mine, galleries, monkeypatch):
    models = lab(mine)
    gallery, opened_anew = galleries
    monkeypatch.setattr("core.data.vectors.PICTURES_AT_ONCE", 2)
    before, old, steps = models.catalog.revision("mine"), own_vectors(mine, gallery), []
    with pytest.raises(UserError, match="trained again meanwhile"):
        gallery.vectors(models, "mine", lambda done, _: (steps.append(done), done == 2 and retrained(mine)))
    assert steps == [1, 2]
    filed = gallery.known()[Space("image", "mine", before)].vectors
    np.testing.assert_allclose(filed, old[:2], atol=1e-5, err_msg="what the old weights made, under their name")
    np.testing.assert_allclose(opened_anew().vectors(models, "mine"), own_vectors(mine, gallery), atol=1e-5)


def test_a_probe_is_another_model_once_its_base_was_trained_again(mine):
    probe = mine.parent / "probe"
    probe.mkdir()
    config = {"architectures": ["LinearProbe"], "base": "mine", "scale": 10.0, "labels": ["cat", "dog"]}
    (probe / "config.json").write_text(json.dumps(config))
    save_file(
        {"texts": torch.eye(2, 12), "weight": torch.zeros(2, 12), "bias": torch.zeros(2)}, probe / "model.safetensors"
    )
    models = lab(mine)
    picture = Image.new("RGB", (40, 30), "red")
    before, old = models.catalog.revision("probe"), models.call("probe", "classify", [picture])
    retrained(mine)
    assert models.catalog.revision("probe") != before
    assert (models.call("probe", "classify", [picture]) - old).abs().max() > 1e-3
