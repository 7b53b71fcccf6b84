# SPDX-License-Identifier: Apache-2.0

"""One new file in core/training/objectives/ is all it takes for an objective and the kind of model it makes."""

import sys
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import app
import core.training.objectives
from core.errors import UserError
from core.models.abilities import Classifier
from core.models.catalog import discover_families
from core.models.family import FAMILIES
from core.models.inference import Models
from core.settings import Settings
from core.tasks import zero_shot
from core.training import OBJECTIVES, all_objectives
from core.training.run_folder import FINISHED, RUNNING
from core.training.supervisor.launch import Launcher
from tabs.admin import page
from tabs.admin.form import ObjectiveForm
from tabs.admin.starting import StartForm, start_run
from tests.core.training.toy import wait

DROPINS = Path(__file__).parents[3] / "dropins" / "objectives"
COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210)}
SETTINGS = {"steps": 40, "batch": 8, "eval_every": 20, "warmup": 0, "learning_rate": 0.1}

pytestmark = pytest.mark.slow


class DropInLauncher(Launcher):
    """The real process, for which the folder of drop-ins stands beside core/training/objectives/, too."""

    def command(self, folder):
        python, _, _, *rest = super().command(folder)
        code = f"""import sys, core.training.objectives as place; place.__path__.append({str(DROPINS)!r})
from core.training.__main__ import main; sys.exit(main())"""
        return [python, "-c", code, *rest]


@pytest.fixture
def dropped_in(monkeypatch):
    """The folder of drop-ins stands beside core/training/objectives/ until the test ends."""
    all_objectives()  # what is registered from here on is forgotten again
    discover_families()
    package = core.training.objectives
    for registry in (OBJECTIVES, FAMILIES):
        monkeypatch.setattr(registry, "_items", dict(registry._items))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(DROPINS)])
    yield
    for file in DROPINS.glob("*.py"):
        sys.modules.pop(f"{package.__name__}.{file.stem}", None)
        vars(package).pop(file.stem, None)


@pytest.fixture
def pictures(tmp_path):
    """A zip of eight pictures of each colour, each in the folder of its label."""
    noise = np.random.default_rng(0)
    path = tmp_path / "colours.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, colour in COLOURS.items():
            for number in range(8):
                pixels = np.clip(np.array(colour) + noise.integers(-40, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "one.png")
                archive.write(tmp_path / "one.png", f"{name}/{number}.png")
    return path


def test_it_is_on_the_form_trains_is_saved_and_is_used_by_a_task(dropped_in, tmp_path, pictures):
    lab = app.open_lab(Settings(device="cpu", runs=tmp_path / "runs"))
    lab.runs.launcher = DropInLauncher()
    with gr.Blocks():
        form = ObjectiveForm(all_objectives())
    assert ("Labels by mean colour (logistic regression)", "mean-colour") in form.choice.choices
    assert "steps" in form.fields["mean-colour"]
    page.build(lab)
    filled_in = StartForm("mean-colour", SETTINGS, "zip", str(pictures), name="colours")
    id = next(start_run(lab, filled_in, gr.Progress())).started
    wait(lambda: lab.runs.get(id).state != RUNNING, 180)
    run = lab.runs.get(id)
    assert run.state == FINISHED, lab.runs.log(id)
    measured = [row["accuracy"] for row in lab.runs.metrics(id) if "accuracy" in row]
    assert measured[-1] == 1.0 > measured[0]
    assert "Labels by mean colour" in (lab.runs.folder(id).model / "README.md").read_text()
    assert "colours" in [spec.id for spec in lab.models.catalog.specs(Classifier)]
    tests = [Image.new("RGB", (48, 24), colour) for colour in COLOURS.values()]
    found = zero_shot.classify(lab.models, "colours", tests, [])
    assert [found.labels[np.argmax(scores)] for scores in found.scores] == list(COLOURS)
    tests[0].save(tmp_path / "red.png")
    shown = {"__name__": "__main__"}
    exec(zero_shot.program(lab.models, "colours", [str(tmp_path / "red.png")], [], [], "softmax"), shown)
    np.testing.assert_allclose(shown["logits"].numpy(), [found.logits[0]], atol=1e-5)
    unpacked = tmp_path / "mine" / "taken away"
    with zipfile.ZipFile(lab.runs.zip(id, tmp_path)) as archive:
        archive.extractall(unpacked)
    other = app.open_lab(Settings(device="cpu", models=tmp_path / "mine", runs=None))
    assert zero_shot.classify(other.models, "taken away", tests[:1], []).logits == [pytest.approx(found.logits[0])]


def test_without_the_file_it_is_gone(engine):
    assert "mean-colour" not in [objective.name for objective in all_objectives()]
    with pytest.raises(UserError, match="no objective called 'mean-colour'"):
        OBJECTIVES.get("mean-colour")
    assert not [spec for spec in Models(engine).catalog.specs() if spec.family == "mean-colour"]
