# SPDX-License-Identifier: Apache-2.0

"""Runs whose processes do train: killed, cancelled, gone on with."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.data.bundled import bundled
from core.errors import UserError
from core.training.data.loading import from_gallery
from core.training.request import Request
from core.training.run_folder import CANCELLED, FINISHED, INTERRUPTED, RUNNING
from core.training.supervisor.runs import Runs
from tests.core.training.toy import LONG, ToyLauncher, results, same, toy, wait  # noqa: F401  a fixture

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
APP = """import sys, time
from pathlib import Path
from core.training import register
from core.training.request import Request
from core.training.supervisor.runs import Runs
from tests.core.training import toy
register(toy.Toy)
place = Path(sys.argv[1])
print(Runs(place, launcher=toy.ToyLauncher(device="cpu")).start(Request(**toy.LONG), toy.numbers(place.parent / "numbers")), flush=True)
time.sleep(600)
"""


def over(runs, id):
    wait(lambda: runs.get(id).state != RUNNING, 180)
    return runs.get(id)


def test_killed_app_and_killed_trainer_lose_nothing(place, examples, toy):  # noqa: F811
    """kill -9 of the app: the run goes on, and the next app finds it. kill -9 of the trainer at a random update: resumed, it
    gives what a run left alone gives."""
    app = subprocess.Popen([sys.executable, "-c", APP, str(place)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    id = app.stdout.readline().strip()
    app.kill()
    app.wait()
    runs = Runs(place, launcher=ToyLauncher(device="cpu"))
    assert runs.get(id).state == RUNNING
    assert runs.start(Request(**LONG), examples) == id  # the click that seemed to be lost
    step = random.randint(50, 600)
    wait(lambda: runs.get(id).step >= step or runs.get(id).state != RUNNING, 180)
    assert runs.get(id).state == RUNNING, runs.log(id)
    process = runs.folder(id).process()
    os.kill(process.pid, signal.SIGKILL)
    wait(lambda: not process.alive)
    assert runs.get(id).state == INTERRUPTED
    runs.resume(id)
    assert over(runs, id).state == FINISHED, runs.log(id)
    alone = runs.start(Request(**{**LONG, "name": "alone"}), examples)
    assert over(runs, alone).state == FINISHED, runs.log(alone)
    assert runs.get(id).step == 1000
    same(results(runs.folder(id)), results(runs.folder(alone)))


def test_a_cancelled_run_is_a_model_that_the_lab_can_use(place, engine):
    from core.models.inference import Models

    runs = Runs(place, device="cpu")
    id = runs.start(
        Request("contrastive", "gallery", {"steps": 20_000, "batch": 8}, name="long"), from_gallery(bundled())[:12]
    )
    models = Models(engine, runs=place)
    wait(lambda: runs.get(id).step >= 5, 180)
    assert "long" not in [spec.id for spec in models.catalog.specs()]
    runs.cancel(id)
    assert over(runs, id).state == CANCELLED, runs.log(id)
    wait(lambda: not psutil.pid_exists(runs._table.row(id).pid))  # and it leaves no process behind
    assert "long" in [spec.id for spec in models.catalog.specs()]
    assert models.embed_texts("long", ["a cat"]).shape[0] == 1
    runs.delete(id)
    assert "long" not in [spec.id for spec in models.catalog.specs()]
    with pytest.raises(UserError, match="There is no model called 'long'"):
        models.embed_texts("long", ["a dog"])
