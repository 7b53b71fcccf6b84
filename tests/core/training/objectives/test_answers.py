# SPDX-License-Identifier: Apache-2.0

"""The fusion transformer trained further: new answers beside those it knew."""

import math

import pytest
import torch

from core.assets import VQA_FOLDER
from core.engine import Engine
from core.models.abilities import Answerer
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.answer_words import ANSWERS
from core.models.layers.fusion_transformer import load_fusion_transformer, with_answers
from core.settings import Settings
from core.tasks import vqa
from core.training.objectives.answers import INPUT_SIDE, LOSSES, Answers, AnswersConfig
from tests.core.training.objectives._small import check_learning, shapes, trained


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return shapes(tmp_path_factory.mktemp("shapes"), 8)


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def rows(lab, examples):
    return Answers(AnswersConfig(), lab).encode(examples)


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "learned"), [(LOSSES[0], "all"), (LOSSES[1], "head")])
def test_it_learns_answers_that_it_did_not_know(lab, examples, rows, loss, learned):
    objective = Answers(AnswersConfig(loss=loss, learned=learned), lab)
    learner = check_learning(lambda: objective.learner(rows), rows, steps=8, rate=2e-3)
    trained(learner, rows, 15, 2e-3)
    with torch.no_grad():
        assert objective.measure(learner, rows, examples)["accuracy"] > 0.8
        assert set(objective.predict(learner, rows, examples)) == {"square", "disc"}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_the_plain_formula(lab, rows, loss):
    learner = Answers(AnswersConfig(loss=loss), lab).learner(rows)
    logits = learner.outputs(rows)["logits"].double().tolist()
    answers, slow = list(learner.reader.config.id2label.values()), 0.0
    for row, answer in zip(logits, ["square", "disc"] * 4, strict=True):
        if loss == "cross-entropy":
            slow -= math.log(math.exp(row[answers.index(answer)]) / sum(map(math.exp, row)))
            continue
        for name, z in zip(answers, row, strict=True):
            p = 1 / (1 + math.exp(-z))
            slow -= math.log(p if name == answer else 1 - p)
    assert learner(**rows)["loss"].item() == pytest.approx(slow / 8, abs=1e-5)


def test_a_wider_model_answers_as_before():
    reader = load_fusion_transformer(VQA_FOLDER)
    inputs = torch.randn(2, 5, 384), torch.ones(2, 5, dtype=torch.long), torch.randn(2, 3, 4, 424)
    with torch.no_grad():
        old, new = (model(*inputs).logits for model in (reader, with_answers(reader, ["a shed"])))
    assert torch.equal(new[:, : len(ANSWERS)], old)


@pytest.mark.slow
def test_what_is_saved_answers_the_same(lab, examples, rows, tmp_path):
    objective = Answers(AnswersConfig(), lab)
    learner = objective.learner(rows)
    trained(learner, rows, 5, 2e-3)
    objective.save(learner, tmp_path / "shapes")
    again = Models(Engine(Settings(device="cpu")), tmp_path)
    assert [spec.id for spec in again.catalog.specs(Answerer)][-1] == "shapes"
    picture = examples[0].picture().resize((INPUT_SIDE, INPUT_SIDE))
    found = vqa.answer(again, "shapes", picture, [examples[0].question])[0].confidences
    wanted = learner.outputs(rows)["logits"][0].softmax(-1).max().item()
    assert next(iter(found)) in ("square", "disc")
    assert next(iter(found.values())) == pytest.approx(wanted, abs=5e-3)  # rows are kept in float16
    assert vqa.attribution(again, "shapes", picture, examples[0].question).maps.shape[1:] == (14, 14)
    given = {"torch": torch, "image": picture, "question": examples[0].question}
    exec(again.catalog.adapter("shapes").answer_program(str(tmp_path / "shapes")), given)
    assert given["answers"] == pytest.approx(found)
    assert EMBEDDED in [spec.id for spec in again.catalog.specs(Answerer)]
