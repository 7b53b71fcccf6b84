# SPDX-License-Identifier: Apache-2.0

"""What holds for every objective that is registered, on a dozen scenes."""

import dataclasses
import shutil

import pytest
import torch
from safetensors.torch import load_file

from core.assets import ASSETS
from core.engine import Engine
from core.models.inference import Models
from core.models.run_figures import AT_MOST, METRICS, run_figures
from core.settings import Settings
from core.training import OBJECTIVES, all_objectives
from core.training.data import scenes
from core.training.objective import Config
from core.training.objectives._captioning import MAX_MEASURED
from core.training.request import Request, prepare
from core.training.run_folder import FINISHED, RunFolder
from core.training.trainer.run import execute

pytestmark = pytest.mark.slow

every = pytest.mark.parametrize("kind", all_objectives(), ids=lambda kind: kind.name)
MANY, TAUGHT = 12, 8


@pytest.fixture(scope="module")
def models():
    return Models(Engine(Settings(device="cpu")))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    return {phrases: scenes.make(folder / str(phrases), MANY, 5, phrases) for phrases in (False, True)}


@pytest.fixture(scope="module")
def encoded(models, examples):
    """Each objective's rows, looked at once."""
    known = {}

    def rows(kind):
        if kind.name not in known:
            wanted = examples[kind.phrases]
            with torch.inference_mode():
                found = kind(kind.Config(), models).encode(wanted)
            known[kind.name] = {name: value.clone() for name, value in found.items()}, wanted
        return known[kind.name]

    return rows


def fresh(kind, models, rows, chunk=0):
    torch.manual_seed(0)
    learner = kind(kind.Config(), models).learner(first(rows, TAUGHT))
    learner.chunk = chunk
    return learner.train()


def first(rows, n):
    return {name: value[:n].clone() for name, value in rows.items()}


def fit(learner, rows, steps, rate=1e-3):
    """The loss before each update. Plain steps: Adam's would blow up differences where a gradient is nearly zero."""
    trained = [weight for weight in learner.parameters() if weight.requires_grad]
    optimizer, losses = torch.optim.SGD(trained, rate), []
    for _ in range(steps):
        loss = learner(**first(rows, TAUGHT))["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@every
def test_it_says_what_a_person_needs_to_know(kind):
    for part in ("**Learned:**", "**Frozen:**", "**Loss**", "arxiv.org/abs/", "$"):
        assert part in kind.about
    assert kind.title
    assert kind.needs[0] == "image"
    assert issubclass(kind.Config, Config)
    for field in dataclasses.fields(kind.Config):
        assert field.metadata["help"], field.name


@every
def test_the_loss_falls_and_what_is_frozen_stays(kind, models, encoded):
    rows, _ = encoded(kind)
    learner = fresh(kind, models, rows)
    frozen = {
        **{name: weight.clone() for name, weight in learner.named_parameters() if not weight.requires_grad},
        **{name: value.clone() for name, value in learner.named_buffers()},
    }
    trained = {name: weight.detach().clone() for name, weight in learner.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW([w for w in learner.parameters() if w.requires_grad], 1e-3)
    losses = []
    for _ in range(12):
        loss = learner(**first(rows, TAUGHT))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    after = {**dict(learner.named_parameters()), **dict(learner.named_buffers())}
    for name, value in frozen.items():
        assert torch.equal(after[name], value), name
    assert any(not torch.equal(after[name], value) for name, value in trained.items())


@every
def test_chunks_give_the_trajectory_of_the_whole_batch(kind, models, encoded):
    rows, _ = encoded(kind)
    whole, parts = fresh(kind, models, rows), fresh(kind, models, rows, chunk=4)
    assert fit(parts, rows, 3) == pytest.approx(fit(whole, rows, 3), abs=1e-5)
    theirs = dict(whole.named_parameters())
    for name, weight in parts.named_parameters():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=1e-5, msg=name)


@every
def test_it_is_measured_shown_and_kept(kind, models, encoded, examples, tmp_path):
    rows, shown = encoded(kind)
    objective = kind(kind.Config(), models)
    learner = fresh(kind, models, rows).eval()
    with torch.no_grad():
        results = objective.measure(learner, rows, shown)
        said = objective.predict(learner, first(rows, 3), shown[:3])
    assert objective.metric in results
    assert objective.metric in METRICS.values(), "what a run measured is looked up by its name"
    assert all(isinstance(value, float) for value in results.values())
    assert len(said) == 3
    assert all(isinstance(text, str) for text in said)
    objective.save(learner, tmp_path / "mine")
    for file in (tmp_path / "mine").rglob("*"):
        for path in (str(tmp_path), str(ASSETS.parent)):
            assert path.encode() not in file.read_bytes(), f"{file.name}: it may be given away"
    listed = Models(models.engine, tmp_path)
    assert listed.catalog.spec("mine").path == tmp_path / "mine", "a family loads it"


@pytest.mark.parametrize("name", ["contrastive", "cross-attention", "mlm-itm"])
def test_resumed_is_as_if_never_interrupted(name, examples, tmp_path):
    """A map, layers inside a frozen model, a model of transformers': what resumes them is the same for all."""
    kind = OBJECTIVES.get(name)
    whole = RunFolder(tmp_path / "whole")
    settings = {"steps": 4, "eval_every": 2, "batch": 4, "warmup": 1}
    whole.lay_out(prepare(Request(kind.name, "scenes", settings), examples[kind.phrases]))
    assert execute(whole, "cpu") == FINISHED
    cut = RunFolder(tmp_path / "cut")
    shutil.copytree(whole.path, cut.path)
    shutil.rmtree(cut.model)
    shutil.rmtree(cut.path / "checkpoint-4")
    assert execute(cut, "cpu") == FINISHED
    expected = load_file(whole.model / "model.safetensors")
    for name, value in load_file(cut.model / "model.safetensors").items():
        assert torch.equal(value, expected[name]), name
    figure = next(figure for figure, metric in METRICS.items() if metric == kind.metric)
    known = run_figures(whole.path, figure)
    assert known.measured.low <= known.measured.value <= known.measured.high
    assert (known.measured.n, known.before is None) == (len(whole.split(MANY, 0.2, 0).held_out), False)


def test_a_run_s_figure_is_of_as_many_examples_as_were_measured():
    assert AT_MOST["words in common"] == MAX_MEASURED
