# SPDX-License-Identifier: Apache-2.0

"""Local folders are offered by what their config says."""

import re

import pytest

from core.engine import Engine
from core.errors import UserError
from core.models.inference import Models
from core.settings import Settings
from tests.core.models.local import lab


def test_folders_of_known_architectures_are_offered(folder):
    models = Models(Engine(Settings(device="cpu")), folder)
    names = [spec.id for spec in models.catalog.specs()]
    assert names[0] == "embedded"
    assert names[-2:] == ["embedded (local)", "mine"]
    assert "on this machine" in models.catalog.label("mine")
    assert models.embed_texts("mine", ["a cat"]).shape[0] == 1


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
