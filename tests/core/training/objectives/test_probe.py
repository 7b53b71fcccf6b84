# SPDX-License-Identifier: Apache-2.0

"""Labels of one's own: multinomial logistic regression that starts as zero-shot classification."""

import json
import math
import shutil

import numpy as np
import pytest
import torch

from core.engine import Engine
from core.errors import UserError
from core.explain import scores
from core.models.abilities import Classifier
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.tasks import zero_shot
from core.training.objectives._texts import encode_texts, index_among, known_cross_entropy
from core.training.objectives.probe import Probe, ProbeConfig
from core.training.request import Request, prepare
from core.training.run_folder import FINISHED, RunFolder
from core.training.trainer.run import execute
from tests.core.training.objectives._small import check_learning, shapes, trained

CLIP = "openai/clip-vit-base-patch32"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return shapes(tmp_path_factory.mktemp("shapes"))


@pytest.mark.slow
@pytest.mark.parametrize("base", [EMBEDDED, CLIP])
def test_it_starts_as_zero_shot_and_learns(models, examples, base):
    objective = Probe(ProbeConfig(), models, base)
    rows = objective.encode(examples)
    learner = objective.learner(rows)
    pictures = [example.picture() for example in examples]
    wanted = zero_shot.classify(models, base, pictures, learner.labels).logits
    np.testing.assert_allclose(learner.outputs(rows)["logits"].detach(), wanted, atol=1e-3)
    before = objective.measure(learner, rows, examples)["accuracy"]
    learner = check_learning(lambda: objective.learner(rows), rows, rate=3e-3)
    trained(learner, rows, 60, 3e-3)
    assert objective.measure(learner, rows, examples)["accuracy"] > max(before, 0.5)
    assert objective.predict(learner, rows, examples[:2])[0] in learner.labels


def test_the_loss_is_the_plain_formula():
    torch.manual_seed(0)
    logits, right = torch.randn(5, 3, dtype=torch.float64), [2, 0, 1, 1, 2]
    slow = 0.0
    for row, y in zip(logits.tolist(), right, strict=True):
        slow -= math.log(math.exp(row[y]) / sum(math.exp(z) for z in row)) / 5
    assert float(known_cross_entropy(logits, torch.tensor(right))) == pytest.approx(slow, abs=1e-5)


def test_a_held_out_label_that_was_not_trained_counts_for_nothing():
    names = encode_texts(["cat", "dog", "ein Türchen"])
    assert index_among(names, names[:2]).tolist() == [0, 1, -1]
    logits = torch.zeros(2, 2, requires_grad=True)
    assert known_cross_entropy(logits, torch.tensor([-1, -1])).item() == 0


@pytest.mark.slow
@pytest.mark.parametrize("base", [EMBEDDED, CLIP])
def test_what_is_saved_answers_the_same_in_the_zero_shot_tab(models, examples, base, tmp_path):
    objective = Probe(ProbeConfig(), models, base)
    rows = objective.encode(examples)
    learner = objective.learner(rows)
    trained(learner, rows)
    objective.save(learner, tmp_path / "my things")
    again = Models(Engine(Settings(device="cpu")), tmp_path)
    assert [spec.id for spec in again.catalog.specs(Classifier)] == ["my things"]
    found = zero_shot.classify(again, "my things", [example.picture() for example in examples], ["ignored"])
    assert found.own_labels
    assert found.labels == learner.labels
    np.testing.assert_allclose(found.logits, learner.outputs(rows)["logits"].detach(), atol=1e-4)
    assert "logit" in scores.drawing(found).figure.texts[0].get_text()
    code = zero_shot.program(again, "my things", [examples[0].image], ["ignored"], ["{}"], "softmax")
    if base == EMBEDDED:
        exec(code, {})


@pytest.fixture
def probe_of_a_local_base(hub_cache, models, examples, tmp_path):
    """The folder of a run that started from a checkpoint in a folder of this machine."""
    shutil.copytree(models.catalog.path(CLIP), tmp_path / "checkpoints" / "my clip")
    folder = RunFolder(tmp_path / "runs" / "1-aaaaaaaa")
    folder.lay_out(
        prepare(Request("probe", "shapes", {"steps": 2, "batch": 4, "warmup": 0}, "my clip", "mine"), examples)
    )
    assert execute(folder, "cpu", tmp_path / "checkpoints") == FINISHED
    return folder


def classes(models, name, examples):
    return zero_shot.classify(models, name, [example.picture() for example in examples], ["ignored"]).logits


def test_no_path_of_this_machine_is_in_a_probe_that_can_be_given_away(probe_of_a_local_base, examples, tmp_path):
    folder = probe_of_a_local_base
    for file in folder.model.rglob("*"):
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
    assert json.loads((folder.model / "config.json").read_text())["base"] == "my clip"
    lab = Models(Engine(Settings(device="cpu")), tmp_path / "checkpoints", tmp_path / "runs")
    found = classes(lab, "mine", examples)
    # Downloaded, and put beside its base.
    shutil.copytree(folder.model, tmp_path / "checkpoints" / "downloaded")
    shutil.rmtree(tmp_path / "runs")
    again = Models(Engine(Settings(device="cpu")), tmp_path / "checkpoints")
    np.testing.assert_allclose(classes(again, "downloaded", examples), found)


def test_a_probe_of_an_earlier_version_holds_a_whole_path_and_is_still_read(probe_of_a_local_base, examples, tmp_path):
    lab = Models(Engine(Settings(device="cpu")), tmp_path / "checkpoints", tmp_path / "runs")
    found = classes(lab, "mine", examples)
    config = probe_of_a_local_base.model / "config.json"
    before = json.loads(config.read_text())
    config.write_text(json.dumps({**before, "base": str(tmp_path / "checkpoints" / "my clip")}))
    (probe_of_a_local_base.path / "base.json").unlink()
    again = Models(Engine(Settings(device="cpu")), runs=tmp_path / "runs")
    np.testing.assert_allclose(classes(again, "mine", examples), found)
    shutil.rmtree(tmp_path / "checkpoints")
    gone = Models(Engine(Settings(device="cpu")), runs=tmp_path / "runs")
    with pytest.raises(UserError, match="builds on 'my clip', which is no longer there"):
        classes(gone, "mine", examples)
