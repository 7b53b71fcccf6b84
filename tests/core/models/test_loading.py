# SPDX-License-Identifier: Apache-2.0

"""Damaged checkpoints are told by their names."""

import json
import shutil

import pytest

from core.errors import UserError
from tests.core.models.local import lab


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
