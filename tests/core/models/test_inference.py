# SPDX-License-Identifier: Apache-2.0

"""Local folders: offered by what their config says, filed under what their weights are."""

import json
import re
import shutil
from pathlib import Path

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
from core.models.abilities import Answerer, Segmenter
from core.models.catalog import revision
from core.models.families.clip import CLIP
from core.models.inference import Models
from core.settings import Settings
from tests.core.data.gallery_fakes import colour_files
from tests.core.models.families.tiny.clip import clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    clip(folder / "mine")
    clip(folder / "embedded")  # a name that is taken
    (folder / "junk").mkdir()
    (folder / "junk" / "config.json").write_text("[]")
    (folder / "other").mkdir()
    (folder / "other" / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    return folder


def test_folders_of_known_architectures_are_offered(folder):
    models = Models(Engine(Settings(device="cpu")), folder)
    names = [spec.id for spec in models.catalog.specs()]
    assert names[0] == "embedded"
    assert names[-2:] == ["embedded (local)", "mine"]
    assert "on this machine" in models.catalog.label("mine")
    assert models.embed_texts("mine", ["a cat"]).shape[0] == 1


@pytest.mark.parametrize(
    ("ability", "checkpoint"),
    [(Answerer, "dandelin/vilt-b32-finetuned-vqa"), (Segmenter, "CIDAS/clipseg-rd64-refined")],
)
def test_the_models_of_the_article_lead_the_published_ones(ability, checkpoint):
    """They are what `--profile hub` starts with."""
    assert [spec.id for spec in Models(Engine(Settings(device="cpu"))).catalog.specs(ability)][1] == checkpoint


def test_new_weights_under_an_old_name_are_not_taken_for_the_old(folder, tmp_path):
    shutil.copytree(folder / "mine", tmp_path / "mine")
    models = Models(Engine(Settings(device="cpu")), tmp_path)
    before, old = models.catalog.revision("mine"), models.embed_texts("mine", ["a cat"])
    weights = load_file(tmp_path / "mine" / "model.safetensors")
    weights["text_projection.weight"] = torch.flip(weights["text_projection.weight"], [0])
    save_file(weights, tmp_path / "mine" / "model.safetensors", {"format": "pt"})
    assert models.catalog.revision("mine") != before
    assert not np.allclose(models.embed_texts("mine", ["a cat"]), old, atol=1e-3)


def test_an_unreachable_model_names_the_command_and_the_app_goes_on(folder):
    models = Models(Engine(Settings(device="cpu")), folder)
    with pytest.raises(UserError, match=r"no model called 'nobody/nothing'"):
        models.embed_texts("nobody/nothing", ["a cat"])
    assert models.embed_texts("embedded", ["a cat"]).shape == (1, 1000)


def retrained(folder):
    """Other weights in the same place, as a run that trains again leaves them."""
    weights = load_file(folder / "model.safetensors")
    weights["text_projection.weight"] = torch.flip(weights["text_projection.weight"], [0])
    weights["visual_projection.weight"] = torch.flip(weights["visual_projection.weight"], [0])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.fixture
def mine(folder, tmp_path):
    shutil.copytree(folder / "mine", tmp_path / "models" / "mine")
    return tmp_path / "models" / "mine"


def lab(folder):
    return Models(Engine(Settings(device="cpu")), folder.parent)


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


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "it has no config.json"),
        ({"config.json": "{"}, "its config.json cannot be read or names no architecture"),
        ({"config.json": '{"architectures": []}'}, "its config.json cannot be read or names no architecture"),
        (
            {"config.json": '{"architectures": ["LlamaForCausalLM"]}', "model.safetensors": ""},
            "no family for its architecture Llama",
        ),
        ({"config.json": '{"architectures": ["CLIPModel"]}'}, "it has no safetensors weights"),
        ({"config.json": '{"architectures": ["CLIPModel"]}', "pytorch_model.bin": ""}, "pickled .* never loaded"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_reported(mine, caplog, files, reason):
    (mine.parent / "odd").mkdir()
    for name, text in files.items():
        (mine.parent / "odd" / name).write_text(text)
    (mine.parent / ".hidden").mkdir()
    (mine.parent / "a file.txt").write_text("")
    models = lab(mine)
    assert [spec.id for spec in models.catalog.specs() if spec.licence == "your own"] == ["mine"]
    ((name, why),) = models.catalog.skipped
    assert name == "odd"
    assert re.search(reason, why)
    assert f"odd is not offered: {why}" in caplog.text
    with pytest.raises(UserError, match=f"no checkpoint that the lab can load: .*{reason}"):
        models.embed_texts("odd", ["a cat"])


def test_a_checkpoint_in_place_of_a_folder_of_checkpoints_is_reported(mine):
    assert Models(Engine(Settings(device="cpu")), mine).catalog.skipped == [
        ("mine", "it is a checkpoint itself: name the folder in which it lies")
    ]


@pytest.mark.parametrize("part", ["model.safetensors", "config.json"])
def test_damaged_files_are_told_and_logged(mine, caplog, part):
    path = mine / part
    if part == "config.json":
        path.write_text(json.dumps(json.loads(path.read_text()) | {"projection_dim": 13}))
    else:
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="'mine' cannot be read as a CLIPModel: its files are damaged"):
        lab(mine).embed_texts("mine", ["a cat"])
    assert "mine is not loaded as a CLIPModel" in caplog.text
    assert "Error" in caplog.text, "the cause is in the log"


def test_damaged_files_of_a_published_model_are_told_by_its_id(models, monkeypatch, tmp_path):
    folder = tmp_path / "models--org--name" / "snapshots" / ("0" * 40)
    shutil.copytree(models.catalog.path("openai/clip-vit-base-patch32"), folder)
    (folder / "model.safetensors").write_bytes(b"damaged")
    monkeypatch.setattr("core.models.hub.local_path", lambda *_: folder)
    with pytest.raises(UserError, match="'org/name' cannot be read as a CLIPModel"):
        models.embed_texts("openai/clip-vit-base-patch32", ["a cat"])


def test_pins_are_read_once_until_they_are_written_again(monkeypatch, tmp_path):
    pins = tmp_path / "revisions.json"
    monkeypatch.setattr("core.models.catalog.REVISIONS", pins)
    assert revision("a/b") == "main"
    pins.write_text(json.dumps({"a/b": "1" * 40}))
    read = []
    monkeypatch.setattr(Path, "read_text", lambda path, *_, old=Path.read_text: (read.append(path), old(path))[1])
    assert [revision("a/b") for _ in range(5)] == ["1" * 40] * 5
    assert read == [pins]
