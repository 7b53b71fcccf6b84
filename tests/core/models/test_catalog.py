# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest

from core.engine import Engine
from core.models import hub
from core.models.abilities import Answerer, DualEncoder, Segmenter
from core.models.catalog import UNREACHABLE, revision
from core.models.inference import Models
from core.settings import Settings


@pytest.mark.parametrize(
    ("ability", "checkpoint"),
    [(Answerer, "dandelin/vilt-b32-finetuned-vqa"), (Segmenter, "CIDAS/clipseg-rd64-refined")],
)
def test_the_models_of_the_article_lead_the_published_ones(ability, checkpoint):
    """They are what `--profile hub` starts with."""
    assert [spec.id for spec in Models(Engine(Settings(device="cpu"))).catalog.specs(ability)][1] == checkpoint


def test_pins_are_read_once_until_they_are_written_again(monkeypatch, tmp_path):
    pins = tmp_path / "revisions.json"
    monkeypatch.setattr("core.models.catalog.REVISIONS", pins)
    assert revision("a/b") == "main"
    pins.write_text(json.dumps({"a/b": "1" * 40}))
    read = []
    monkeypatch.setattr(Path, "read_text", lambda path, *_, old=Path.read_text: (read.append(path), old(path))[1])
    assert [revision("a/b") for _ in range(5)] == ["1" * 40] * 5
    assert read == [pins]


def test_pickers_list_what_is_here_first_and_say_what_cannot_be_had(monkeypatch):
    models = Models(Engine(Settings(device="cpu")))
    offered = [spec.id for spec in models.catalog.offered(DualEncoder)]
    here = [models.catalog.path(name) is not None for name in offered]
    assert offered[0] == "embedded"
    assert here == sorted(here, reverse=True)
    away = next((name for name in offered if models.catalog.path(name) is None), None)
    monkeypatch.setattr(hub, "reachable", lambda: False)
    assert "on this machine" in models.catalog.label("embedded")
    if away:
        assert models.catalog.label(away).endswith(UNREACHABLE)
