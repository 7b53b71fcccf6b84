# SPDX-License-Identifier: Apache-2.0

"""Models of training runs in the pickers: they come and go while the lab is open."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.assets import SEGMENTATION_FOLDER, VQA_FOLDER
from core.errors import UserError
from core.models.abilities import Answerer, DualEncoder, Segmenter
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.image_text_matcher import new_matcher


def trained(runs, id, name="mine", state="finished", value=0.0, architecture="TunedPair"):
    """A run's folder, as far as pickers look at it."""
    folder = runs / id
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "request.json").write_text(json.dumps({"objective": "contrastive", "data": "", "name": name}))
    config = {"architectures": [architecture], "scale": 20.0, "bias": 0.0, "sigmoid": False}
    (folder / "model" / "config.json").write_text(json.dumps(config))
    maps = {"text": torch.full((384, 1000), value)} if value else {}
    save_file(maps, folder / "model" / "model.safetensors")
    (folder / "status.json").write_text(json.dumps({"state": state}))
    return folder


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def lab(engine, runs):
    return Models(engine, runs=runs)


def names(models, needs=None):
    return [spec.id for spec in models.catalog.specs(needs) if spec.note == "trained here"]


def test_they_appear_where_they_fit(lab, runs):
    assert names(lab) == []
    trained(runs, "20260101-000000-aaaaaaaa")
    trained(runs, "20260102-000000-bbbbbbbb", "kept", "cancelled")
    for state in ("running", "failed", "interrupted"):
        trained(runs, f"20260103-000000-{state}", state, state)
    trained(runs, "20260104-000000-cccccccc", "unknown", architecture="Nothing")
    assert names(lab) == names(lab, DualEncoder) == ["mine", "kept"]
    assert names(lab, Answerer) == []
    assert lab.catalog.specs()[0].id == EMBEDDED
    assert lab.catalog.label("mine").endswith(" · mine · 0 MB · licence: trained here · on this machine")


def test_names_are_told_apart_by_the_ends_of_ids(lab, runs):
    for id, name in (("1-aaaaaaaa", "mine"), ("2-bbbbbbbb", "mine"), ("3-cccccccc", EMBEDDED), ("4-dddddddd", "")):
        trained(runs, id, name)
    assert names(lab) == ["mine", "mine (bbbbbbbb)", f"{EMBEDDED} (cccccccc)", "4-dddddddd"]
    assert lab.catalog.spec(EMBEDDED).family == "embedded"


@pytest.mark.parametrize("name", ["../../x", "$(touch x)", "x" * 300, "CON"])
def test_odd_names_are_text(lab, runs, name):
    folder = trained(runs, "1-aaaaaaaa", name)
    assert names(lab) == [name]
    assert lab.catalog.path(name) == folder / "model"
    assert len(lab.catalog.label(name)) < 135


@pytest.mark.slow
def test_a_deleted_one_is_gone_with_a_plain_message(lab, runs):
    folder = trained(runs, "1-aaaaaaaa")
    assert lab.embed_texts("mine", ["a cat"]).shape[0] == 1
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=r"There is no model called 'mine'\. Choose one of: embedded"):
        lab.embed_texts("mine", ["a dog"])
    assert names(lab) == []
    assert "mine" not in lab.engine.resident


@pytest.mark.slow
def test_another_of_the_same_name_is_another_model(lab, runs):
    folder = trained(runs, "1-aaaaaaaa")
    before = lab.embed_texts("mine", ["a cat"])
    shutil.rmtree(folder)
    weights = lab.call(EMBEDDED, "anchor_vectors", "text")
    trained(runs, "2-bbbbbbbb")
    save_file({"text": torch.ones_like(weights.T).contiguous()}, runs / "2-bbbbbbbb" / "model" / "model.safetensors")
    assert abs(lab.embed_texts("mine", ["a cat"]) - before).max() > 1e-3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"state": "finished"'])
def test_damaged_folders_are_passed_over(lab, runs, text):
    for id, file in (("1-a", "status.json"), ("2-b", "request.json"), ("3-c", "model/config.json")):
        (trained(runs, id) / file).write_text(text)
    assert names(lab) == ["2-b"]  # its name is lost, its model is not


@pytest.fixture
def files_read(monkeypatch):
    """Names of the files that are read from now on."""
    found = []
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *args, **kw: (found.append(path.name), read_text(path, *args, **kw))[1]
    )
    return found


def test_looking_again_reads_nothing_where_nothing_changed(lab, runs, files_read):
    trained(runs, "1-aaaaaaaa")
    assert names(lab) == ["mine"]
    assert "config.json" in files_read
    files_read.clear()
    assert names(lab) == ["mine"]
    assert files_read == []


@pytest.mark.slow
def test_a_run_in_progress_leaves_trained_models_alone(lab, runs, files_read):
    trained(runs, "1-aaaaaaaa")
    busy = trained(runs, "2-bbbbbbbb", "busy", "running") / "status.json"
    lab.embed_texts("mine", ["a cat"])
    loaded, listed = lab.engine.resident, lab.catalog.spec("mine")
    assert [name for name, _ in loaded] == ["mine"]
    files_read.clear()
    for step in range(3):
        busy.write_text(json.dumps({"state": "running", "step": "x" * step}))
        assert names(lab) == ["mine"]
        lab.embed_texts("mine", [f"a cat {step}"])
    assert files_read == ["status.json"] * 3, "its own, and nothing of runs that have ended"
    assert lab.engine.resident == loaded
    assert lab.catalog.spec("mine") is listed
    busy.write_text(json.dumps({"state": "finished"}))
    assert names(lab) == ["mine", "busy"]


def test_a_run_whose_state_changes_without_its_time_is_seen(lab, runs):
    """As when two writes fall into one tick of the file system's clock."""
    status = trained(runs, "1-aaaaaaaa", state="running") / "status.json"
    times = status.stat().st_atime_ns, status.stat().st_mtime_ns
    assert names(lab) == []
    status.write_text(json.dumps({"state": "finished"}))
    os.utime(status, ns=times)
    assert names(lab) == ["mine"]


@pytest.mark.slow
def test_the_program_shown_for_a_pair_gives_the_same_vectors(lab, runs, images, texts):
    folder = trained(runs, "1-aaaaaaaa", value=0.01)
    shown = {"torch": torch, "images": images, "texts": texts}
    exec(lab.catalog.adapter("mine").program(str(folder / "model")), shown)
    np.testing.assert_allclose(shown["image_embeds"].numpy(), lab.embed_images("mine", images), atol=1e-5)
    np.testing.assert_allclose(shown["text_embeds"].numpy(), lab.embed_texts("mine", texts), atol=1e-5)
    assert (shown["scale"], shown["bias"]) == (20.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("assets", "architectures", "ability"),
    [(VQA_FOLDER, ("GridReader", "FusionTransformer"), Answerer), (SEGMENTATION_FOLDER, ("MapDecoder",), Segmenter)],
)
def test_checkpoints_are_offered_by_the_names_they_were_saved_under(
    engine, tmp_path, images, assets, architectures, ability
):
    for name in architectures:
        shutil.copytree(assets, tmp_path / name)
        config = json.loads((tmp_path / name / "config.json").read_text())
        (tmp_path / name / "config.json").write_text(json.dumps(config | {"architectures": [name]}))
    models = Models(engine, tmp_path)
    assert [spec.id for spec in models.catalog.specs(ability) if spec.path and spec.path.parent == tmp_path] == sorted(
        architectures
    )
    method, args = ("answer", ["is there a cat?"]) if ability is Answerer else ("segment", ["a cat"])
    found = [models.call(name, method, models.encode(name, images[0]), args) for name in architectures]
    assert str(found[0]) == str(found[-1])


@pytest.mark.slow
def test_a_matcher_saved_under_its_old_name_is_loaded(engine, tmp_path, images):
    new_matcher(VQA_FOLDER, (20.0, -3.0)).save_pretrained(tmp_path / "new")
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert config["architectures"] == ["ImageTextMatcher"]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config | {"architectures": ["GridMatcher"]}))
    models = Models(engine, tmp_path)
    new, old = (models.match(name, [(images[0], "a cat"), (images[1], "noise")]) for name in ("new", "old"))
    assert new == old
    assert 0 < min(new) < max(new) < 1
