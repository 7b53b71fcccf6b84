# SPDX-License-Identifier: Apache-2.0

"""The model of a run, downloaded or pushed to the hub."""

import zipfile
from typing import ClassVar

import pytest

from core.errors import UserError
from core.training.run_folder import CANCELLED, FAILED, FINISHED
from tests.core.training.supervisor.idle import SECRET, ended

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("state", [FINISHED, CANCELLED])
def test_what_was_kept_is_downloaded(runs, examples, tmp_path, state):
    id = ended(runs, state, examples=examples)
    with zipfile.ZipFile(runs.zip(id, tmp_path / "z")) as archive:
        assert sorted(archive.namelist()) == ["config.json", "model.safetensors"]
        assert archive.read("model.safetensors") == b"weights"


def test_without_a_model_there_is_nothing_to_give_away(runs, examples, tmp_path):
    id = ended(runs, FAILED, examples=examples)
    for give in (lambda: runs.zip(id, tmp_path), lambda: runs.push(id, "me/mine", SECRET)):
        with pytest.raises(UserError, match="no model yet"):
            give()


class Hub:
    """In the place of HfApi."""

    calls: ClassVar[list] = []
    broken = False

    def __init__(self, token):
        self.calls.append(token)

    def create_repo(self, repo, **options):
        if self.broken:
            raise ConnectionError(f"401 Bearer {SECRET}")
        self.calls.append((repo, options))
        return f"https://huggingface.co/{repo}"

    def upload_folder(self, repo_id, folder_path, **options):
        self.calls.append((repo_id, sorted(path.name for path in folder_path.iterdir())))


def test_a_model_is_pushed_with_the_token_of_the_environment(runs, examples, monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr(Hub, "calls", [])
    monkeypatch.setenv("HF_TOKEN", SECRET)
    id = ended(runs, examples=examples)
    assert runs.push(id, "me/mine") == "https://huggingface.co/me/mine"
    private, files = {"private": True, "exist_ok": True}, ["config.json", "model.safetensors"]
    assert Hub.calls == [SECRET, ("me/mine", private), ("me/mine", files)]
    for repo in ("mine", "me/../x", "me/mine/x", "https://x.y/z", ""):
        with pytest.raises(UserError, match="owner/name"):
            runs.push(id, repo)
    monkeypatch.setattr(Hub, "broken", True)
    with pytest.raises(UserError, match="did not take me/mine") as caught:
        runs.push(id, "me/mine")
    assert SECRET not in str(caught.value)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="Set HF_TOKEN"):
        runs.push(id, "me/mine")
