# SPDX-License-Identifier: Apache-2.0

"""The decoder trained further: on squares and discs whose masks are known."""

import numpy as np
import pytest
import torch

from core.engine import Engine
from core.models.abilities import DualEncoder, Segmenter
from core.models.inference import Models
from core.settings import Settings
from core.tasks import segmentation
from core.training.objectives.masks import INPUT_SIDE, Masks, MasksConfig
from tests.core.training.objectives._small import check_learning, shapes, trained


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return shapes(tmp_path_factory.mktemp("shapes"), 8)


@pytest.fixture(scope="module")
def objective():
    return Masks(MasksConfig(), Models(Engine(Settings(device="cpu"))))


@pytest.fixture(scope="module")
def rows(objective, examples):
    return objective.encode(examples)


@pytest.mark.slow
def test_it_learns_and_the_masks_get_better(objective, examples, rows):
    with torch.no_grad():
        before = objective.measure(objective.learner(rows), rows, examples)["mean IoU"]
    learner = check_learning(lambda: objective.learner(rows), rows, steps=5, rate=2e-3)
    with torch.no_grad():
        assert objective.measure(learner, rows, examples)["mean IoU"] > before
        assert "IoU" in objective.predict(learner, rows, examples)[0]


@pytest.mark.slow
def test_what_is_saved_segments_the_same(objective, examples, rows, tmp_path):
    learner = objective.learner(rows)
    trained(learner, rows, 2, 2e-3)
    objective.save(learner, tmp_path / "outlines")
    again = Models(Engine(Settings(device="cpu")), tmp_path)
    assert "outlines" in [spec.id for spec in again.catalog.specs(Segmenter)]
    assert "outlines" not in [spec.id for spec in again.catalog.specs(DualEncoder)]
    picture = examples[0].picture().resize((INPUT_SIDE, INPUT_SIDE))
    found = segmentation.segment(again, "outlines", picture, [examples[0].text])
    with torch.no_grad():
        wanted = learner.outputs(rows)["logits"][0].sigmoid()
    np.testing.assert_allclose(found.probabilities[0], wanted, atol=5e-3)  # rows are kept in float16
    code = again.catalog.adapter("outlines").segment_program(str(tmp_path / "outlines"))
    given = {"torch": torch, "image": picture, "prompts": [examples[0].text]}
    exec(code, given)
    np.testing.assert_allclose(given["logits"][0].sigmoid(), wanted, atol=5e-3)
