# SPDX-License-Identifier: Apache-2.0

"""One new file in core/models/families/ is all it takes to offer a family."""

import sys
from pathlib import Path

import numpy as np
import pytest

import core.models.families
from core.errors import UserError
from core.models.abilities import DualEncoder
from core.models.family import FAMILIES, Family, register
from core.models.inference import Models

DROPINS = Path(__file__).parents[3] / "dropins" / "families"


@pytest.fixture
def dropped_in(monkeypatch):
    """The folder of drop-ins stands beside core/models/families/ until the test ends."""
    monkeypatch.setattr(core.models.families, "__path__", [*core.models.families.__path__, str(DROPINS)])
    monkeypatch.setattr(FAMILIES, "_items", dict(FAMILIES._items))
    yield
    for file in DROPINS.glob("*.py"):
        sys.modules.pop(f"core.models.families.{file.stem}", None)
        vars(core.models.families).pop(file.stem, None)


def test_a_family_file_is_offered_and_works(dropped_in, engine, images, texts):
    models = Models(engine)
    assert "hashing" in [spec.id for spec in models.catalog.specs(needs=DualEncoder)]
    assert models.catalog.spec("hashing").family == "hashing"
    assert "on this machine" in models.catalog.label("hashing")
    assert models.embed_images("hashing", images).shape == (len(images), 3)
    scores = models.embed_images("hashing", images) @ models.embed_texts("hashing", texts).T
    assert np.abs(scores).max() <= 1 + 1e-6


def test_without_the_file_it_is_gone(engine):
    models = Models(engine)
    assert "hashing" not in [spec.id for spec in models.catalog.specs()]
    with pytest.raises(UserError, match="There is no model called 'hashing'"):
        models.catalog.spec("hashing")


def test_a_name_cannot_be_taken_twice(dropped_in, engine):
    Models(engine)
    with pytest.raises(ValueError, match="registered twice"):
        register(Family("hashing", DualEncoder, ()))
