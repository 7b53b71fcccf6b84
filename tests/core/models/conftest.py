# SPDX-License-Identifier: Apache-2.0

"""Folders of local checkpoints."""

import json
import shutil

import pytest

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


@pytest.fixture
def mine(folder, tmp_path):
    shutil.copytree(folder / "mine", tmp_path / "models" / "mine")
    return tmp_path / "models" / "mine"
