# SPDX-License-Identifier: Apache-2.0

"""Hidden words and wrong pairs: what is drawn, both losses, and a matcher that orders what was found anew."""

import math

import pytest
import torch

from core.engine import Engine
from core.models.abilities import Answerer, Matcher
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.training.objectives.mlm_itm import (
    SAME_TEXT,
    FusionConfig,
    MaskedAndMatched,
    draw_masked,
    draw_negatives,
    match_loss,
)
from tests.core.training.objectives._small import check_learning, shapes, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return shapes(tmp_path_factory.mktemp("shapes"), 8)


@pytest.fixture(scope="module")
def lab():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def rows(lab, examples):
    return MaskedAndMatched(FusionConfig(), lab).encode(examples)


def fresh(objective, rows):
    torch.manual_seed(0)
    return objective.learner(rows)


def test_who_says_the_same_is_nobodys_wrong_text(lab):
    texts = ["there is a bus", "a picture of a bus", "a bus next to a camera", "a fire truck"]
    vectors = lab.embed_texts(EMBEDDED, texts)
    same = (vectors @ vectors.T >= SAME_TEXT).tolist()
    assert same == [[True, True, False, False]] * 2 + [[False, False, True, False], [False, False, False, True]]


def test_both_losses_fall_with_hard_negatives_too(lab, examples, rows):
    objective = MaskedAndMatched(FusionConfig(negatives="hard"), lab)
    first = fresh(objective, rows)(**rows)
    learner = check_learning(lambda: fresh(objective, rows), rows, steps=8, rate=2e-3)
    assert not any(weight.requires_grad for weight in learner.text.parameters())
    with torch.no_grad():
        terms = learner(**rows)
        assert terms["mlm"] < first["mlm"]
        assert terms["itm"] < first["itm"]
        assert terms["loss"].item() == pytest.approx((terms["mlm"] + terms["itm"]).item())
        figures = objective.measure(learner, rows, examples)
        assert all(0 <= value <= 1 for value in figures.values())
        assert "match" in objective.predict(learner, rows, examples)[0]


def test_it_starts_from_what_the_embedded_pair_says(lab, examples, rows):
    learner = fresh(MaskedAndMatched(FusionConfig(), lab), rows)
    slope, bias = learner.model.presence.tolist()
    pictures = lab.embed_images(EMBEDDED, [example.picture() for example in examples])
    texts = lab.embed_texts(EMBEDDED, [example.text for example in examples])
    peaks = (rows["places"].float().flatten(1, 2) @ torch.from_numpy(texts)[..., None]).amax((1, 2))
    wanted = slope * (torch.from_numpy((pictures * texts).sum(1)) + peaks) / 2 + bias
    torch.testing.assert_close(learner.outputs(rows)["match"].detach(), wanted, atol=1e-4, rtol=1e-4)
    assert slope > 0


def test_the_losses_are_the_plain_formulas(lab, rows):
    learner = fresh(MaskedAndMatched(FusionConfig(), lab), rows)
    trained(learner, rows, 2, 1e-3)
    with torch.no_grad():
        here = learner.on_device(rows)
        logits, right, hidden = learner.masked_words(here)
        own, wrong = learner.outputs(rows)["match"], learner.negatives(here)
        terms = learner(**rows)
    assert torch.equal(right, rows["ids"][hidden])
    mlm = 0.0
    for row, word in zip(logits.double().tolist(), right.tolist(), strict=True):
        mlm -= row[word] - math.log(sum(map(math.exp, row)))
    assert terms["mlm"].item() == pytest.approx(mlm / len(right), abs=1e-5)
    right_ones = sum(-math.log(1 / (1 + math.exp(-z))) for z in own.double().tolist())
    wrong_ones = sum(-math.log(1 / (1 + math.exp(z))) for z in wrong.double().tolist())
    assert len(wrong) == 2 * len(own)
    assert terms["itm"].item() == pytest.approx((right_ones + wrong_ones) / 3 / len(own), abs=1e-5)
    assert match_loss(own, wrong[:0]).item() == pytest.approx(right_ones / len(own), abs=1e-5)


def test_hidden_words_are_a_share_of_each_text():
    mask = torch.tensor([[1] * 22, [1] * 3 + [0] * 19])
    ids = torch.arange(44).reshape(2, 22) * mask
    hidden = draw_masked(ids, mask)
    assert hidden.sum(1).tolist() == [3, 1]  # 15 % of 20 words, and of one word that one
    assert hidden[1].tolist() == [False, True] + [False] * 20
    assert not hidden[0, [0, 21]].any()
    assert torch.equal(hidden, draw_masked(ids, mask))
    assert not torch.equal(hidden[0], draw_masked(ids + 1, mask)[0])


def test_wrong_pairs_are_never_those_that_say_the_same():
    other = torch.tensor([[0, 0, 1], [0, 0, 1], [1, 1, 0]], dtype=torch.bool)
    images, texts = draw_negatives(torch.rand(3, 3), other, torch.Generator().manual_seed(0))
    assert len(images) == 6
    assert other[images, texts].all()
    assert [len(side) for side in draw_negatives(torch.rand(2, 2), torch.zeros(2, 2, dtype=torch.bool), None)] == [0, 0]


def test_what_is_saved_matches_the_same(lab, examples, rows, tmp_path):
    objective = MaskedAndMatched(FusionConfig(), lab)
    learner = fresh(objective, rows)
    trained(learner, rows, 3, 1e-3)
    objective.save(learner, tmp_path / "matcher")
    again = Models(Engine(Settings(device="cpu")), tmp_path)
    assert "matcher" in [spec.id for spec in again.catalog.specs(Matcher)]
    assert "matcher" not in [spec.id for spec in again.catalog.specs(Answerer)]
    found = again.match("matcher", [(example.picture(), example.text) for example in examples])
    wanted = learner.outputs(rows)["match"].sigmoid().tolist()
    assert found == pytest.approx(wanted, abs=5e-3)  # rows are kept in float16


def test_without_wrong_pairs_nothing_is_said_of_how_pairs_are_judged(lab, examples, rows):
    """As of scenes that all have one caption: a share of no pairs is not 100 %."""
    objective = MaskedAndMatched(FusionConfig(), lab)
    learner = fresh(objective, rows)
    alike = {**rows, "text": rows["text"][:1].expand_as(rows["text"])}
    with torch.no_grad():
        assert objective.measure(learner, alike, examples).keys() == {"masked-word accuracy"}
        assert objective.measure(learner, rows, examples).keys() == {"match accuracy", "masked-word accuracy"}
