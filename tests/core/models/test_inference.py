# SPDX-License-Identifier: Apache-2.0

"""Local folders: offered by what their config says, filed under what their weights are."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engine import Engine
from core.errors import UserError
from core.models.abilities import Answerer, Segmenter
from core.models.inference import Models
from core.settings import Settings
from tests.core.models.families.tiny_models import clip


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
