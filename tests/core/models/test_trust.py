# SPDX-License-Identifier: Apache-2.0

"""Where the figures of each kind of model come from."""

import json

import pytest

from core import figures
from core.errors import UserError
from core.figures import Figures
from core.measured import Measured
from core.models import trust
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.trust import figure_of, identity, look_up, look_up_confidence
from tests.conftest import snapshot
from tests.core.models.local import lab
from tests.core.models.test_retrained import retrained
from tests.core.models.trained.test_trained import trained

CLIP = "openai/clip-vit-base-patch32"
HALF = Measured(0.5, 40, 0.35, 0.65, 0.25)
HERE = Figures("mine", "253 pictures that come with the lab", "2026-11-25", {"t2i.R@1": HALF})


def test_the_built_in_model_has_its_figures_beside_its_weights(models, monkeypatch, tmp_path):
    monkeypatch.setattr(trust, "SHIPPED", {"vqa": tmp_path})
    figures.write(tmp_path / figures.FILE, Figures(EMBEDDED, "80 photographs", "2026-11-25", {"vqa.identity": HALF}))
    known = look_up(models, EMBEDDED, "vqa.identity")
    assert (known.figure, known.measured, known.data, known.date) == (
        "vqa.identity",
        HALF,
        "80 photographs",
        "2026-11-25",
    )
    assert look_up(models, EMBEDDED, "vqa.colour") is None
    assert look_up(models, EMBEDDED, "nothing.R@1") is None


def test_shipped_files_hold_what_the_tables_say():
    shipped = {folder: figures.read(folder / figures.FILE) for folder in set(trust.SHIPPED.values())}
    assert shipped[trust.SHIPPED["t2i"]], "run benchmarks/quality.py --write"
    for folder, found in shipped.items():
        if found is None:
            continue
        assert found.model == EMBEDDED
        assert {figures.part(name) for name in found.figures} <= {
            part for part, place in trust.SHIPPED.items() if place == folder
        }
        for name, figure in found.figures.items():
            assert figure.low <= figure.value <= figure.high or "ECE" in name, name  # its bootstrap is biased upwards


def test_what_was_measured_here_is_of_these_weights_only(mine):
    models = lab(mine)
    models.figures.keep(identity(models, "mine"), "similarity", HERE)
    assert look_up(models, "mine", "t2i.R@1").measured == HALF
    assert look_up(models, "mine", "vqa.existence") is None
    retrained(mine)
    assert look_up(models, "mine", "t2i.R@1") is None


def test_a_published_one_is_told_by_its_commit(models, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "core.models.catalog.hub.local_path", lambda *_: snapshot("a/b", commit="1" * 40, cache=tmp_path)
    )
    before = identity(models, CLIP)
    monkeypatch.setattr(
        "core.models.catalog.hub.local_path", lambda *_: snapshot("a/c", commit="2" * 40, cache=tmp_path)
    )
    assert identity(models, CLIP) != before


def test_there_is_nothing_of_a_model_that_was_never_measured(models):
    assert look_up(models, CLIP, "t2i.R@1") is None
    assert look_up_confidence(models, CLIP, "choice", 0.7) == (None, None)
    with pytest.raises(UserError, match="no model called 'nobody'"):
        look_up(models, "nobody", "t2i.R@1")


def test_what_confidences_are_worth(models, monkeypatch, tmp_path):
    monkeypatch.setattr(trust, "SHIPPED", {"choice": tmp_path})
    measured = {"choice.ECE": HALF, "choice.right at 0.6-0.8": HALF}
    figures.write(tmp_path / figures.FILE, Figures(EMBEDDED, "80 photographs", "2026-11-25", measured))
    error, near = look_up_confidence(models, EMBEDDED, "choice", 0.7)
    assert (error.figure, near.figure) == ("choice.ECE", "choice.right at 0.6-0.8")
    assert look_up_confidence(models, EMBEDDED, "choice", 0.3)[1] is None


@pytest.mark.parametrize(
    ("question", "figure"),
    [
        ("Is there a dog?", "vqa.existence"),
        ("How many cats are there?", "vqa.counting"),
        ("What animal is in the picture?", "vqa.identity"),
        ("What colour is the car?", "vqa.colour"),
        ("Why does he laugh so loudly?", "vqa.other"),
    ],
)
def test_the_figure_of_a_question(question, figure):
    assert figure_of(question) == figure


@pytest.fixture
def run(tmp_path):
    """A finished run of a contrastive objective: 8 examples of 8 pictures, 4 held out."""
    folder = trained(tmp_path / "runs", "1-aaaaaaaa")
    rows = [{"image": f"data/{i}.jpg", "text": f"t{i}", "answer": "yes" if i < 7 else "no"} for i in range(8)]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "split.json").write_text(json.dumps({"train": [0, 1, 2, 3], "held_out": [4, 5, 6, 7]}))
    reports = [
        {"step": 0, "eval_loss": 2, "R@1": 0.25},
        {"step": 5, "loss": 1},
        {"step": 9, "eval_loss": 1, "R@1": 0.75},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reports) + '{"step": 10, "eva')
    return folder


def test_a_run_measured_its_own_model(engine, run):
    known = look_up(Models(engine, runs=run.parent), "mine", "t2i.R@1")
    assert known.figure == "run.R@1"
    assert (known.measured.value, known.measured.n, known.measured.prior, known.before) == (0.75, 4, 0.25, 0.25)
    assert known.measured.low == pytest.approx(0.301, abs=0.01)  # Wilson's interval of 3 of 4
    assert known.measured.high == pytest.approx(0.954, abs=0.01)
    assert known.data == "the 4 examples held out of its training"


def test_a_runs_figure_answers_for_its_own_kind_only(engine, run):
    models = Models(engine, runs=run.parent)
    assert look_up(models, "mine", "vqa.identity") is None
    assert look_up(models, "mine", "t2i.R@5") is None


def test_the_commonest_answer_is_the_guess_of_a_run(engine, run):
    (run / "metrics.jsonl").write_text('{"step": 3, "eval_loss": 1, "accuracy": 0.5}\n')
    known = look_up(Models(engine, runs=run.parent), "mine", "vqa.existence")
    assert (known.figure, known.measured.prior, known.before) == ("run.accuracy", 0.75, None)


@pytest.mark.parametrize("file", ["metrics.jsonl", "split.json", "data.jsonl"])
@pytest.mark.parametrize("text", [None, "", "[]", "{}"])
def test_a_damaged_run_has_no_figures(engine, run, file, text):
    (run / file).unlink()
    if text is not None:
        (run / file).write_text(text)
    assert look_up(Models(engine, runs=run.parent), "mine", "t2i.R@1") is None
