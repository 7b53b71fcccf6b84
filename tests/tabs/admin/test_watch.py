# SPDX-License-Identifier: Apache-2.0

"""What is shown of one run."""

import json

import pytest

import app
from core.assets import EXAMPLES_FOLDER
from core.settings import Settings
from core.training.data.example import Example
from core.training.run_folder import FINISHED, RunFolder
from tabs.admin.watching import show_run


@pytest.fixture
def lab(tmp_path):
    return app.open_lab(Settings(device="cpu", runs=tmp_path / "runs"))


def test_the_pictures_of_the_predictions_are_shown(lab):
    """Their paths are kept as seen from the run's folder, so that it can be moved and given away."""
    made = lab.runs.place / "ended"
    (made / "data").mkdir(parents=True)
    (made / "data" / "00000.jpg").write_bytes((EXAMPLES_FOLDER / "kitten-yarn-ball.jpg").read_bytes())
    request = {"objective": "contrastive", "data": "gallery", "settings": {"steps": 5}, "name": "pets"}
    (made / "request.json").write_text(json.dumps(request))
    (made / "status.json").write_text(json.dumps({"state": FINISHED}))
    example = Example(str(made / "data" / "00000.jpg"), "a kitten")
    RunFolder(made).write_predictions("before", [example], ["a dog"])
    assert str(made) not in (made / "predictions.json").read_text()
    assert lab.runs.list()[0].id == "ended"
    shown = next(show_run(lab, "ended", []))
    assert 'alt="a kitten"' in shown.predictions
    assert str(made) not in shown.predictions
