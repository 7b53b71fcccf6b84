# SPDX-License-Identifier: Apache-2.0

"""An objective that trains in a moment: a line through numbers, with dropout, so that random numbers matter."""

import json
import time
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import save_file

from core.training import OBJECTIVES
from core.training.objective import Config, Example, Learner, Objective, option
from core.training.request import Request, prepare
from core.training.run_folder import RunFolder
from core.training.supervisor.launch import Launcher


@dataclass(frozen=True)
class ToyConfig(Config):
    steps: int = option(12, "steps", 1, 10_000)
    batch: int = option(4, "examples", 2, 64)
    eval_every: int = option(4, "steps between evaluations", 1, 1000)
    warmup: int = option(0, "steps", 0, 100)
    broken_at: float = option(-1.0, "the loss is no number once it has been asked so often", -1.0, 1000.0)


class Line(Learner):
    def __init__(self, broken_at):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)
        self.register_buffer("frozen", torch.ones(3))
        self.broken_at, self.asked = broken_at, 0

    def outputs(self, batch):
        dropped = torch.nn.functional.dropout(batch["x"] * self.frozen, 0.5, torch.is_grad_enabled())
        return {"said": self.layer(dropped)}

    def loss(self, outputs, batch):
        self.asked += torch.is_grad_enabled()
        loss = (outputs["said"] - batch["y"]).pow(2).mean()
        return {"loss": loss * float("nan") if self.asked == self.broken_at else loss}


class Toy(Objective):
    name, title, about = "toy", "A line through numbers", "Nothing."
    needs, metric, Config = ("image", "text"), "error", ToyConfig

    def encode(self, examples):
        x = torch.tensor([[float(example.text), 1.0, 2.0] for example in examples])
        return {"x": x, "y": 2 * x[:, :1]}

    def learner(self, train):
        return Line(self.config.broken_at)

    def measure(self, learner, rows, examples):
        return {"error": float(learner(**rows)["loss"])}

    def predict(self, learner, rows, examples):
        return [f"{float(value):.3f}" for value in learner.outputs(rows)["said"]]

    def save(self, learner, folder):
        save_file(learner.layer.state_dict(), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"architectures": ["TunedPair"]}))


@pytest.fixture
def toy(monkeypatch):
    """It is registered as long as the test runs."""
    monkeypatch.setitem(OBJECTIVES._items, Toy.name, Toy)


class ToyLauncher(Launcher):
    """Its processes know of the toy; otherwise they are the real ones."""

    def command(self, folder):
        code = "import sys; from tests.core.training.toy import Toy; from core.training import register; register(Toy); from core.training.__main__ import main; sys.exit(main())"
        python, _, _, *rest = super().command(folder)
        return [python, "-c", code, *rest]


LONG = {"objective": "toy", "data": "numbers", "settings": {"steps": 1000, "eval_every": 100}, "name": "long"}


def numbers(folder, count=20):
    """Examples that the toy reads, each with a picture of its own."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    pictures = [folder / f"{number}.png" for number in range(count)]
    for number, picture in enumerate(pictures):
        if not picture.exists():
            Image.new("RGB", (8, 8), (number, 100, 100)).save(picture)
    return [Example(str(picture), str(number / count)) for number, picture in enumerate(pictures)]


def laid_out(place, **settings):
    """The folder of a toy's run."""
    folder = RunFolder(place)
    folder.lay_out(prepare(Request("toy", "numbers", settings), numbers(place.parent / "numbers")))
    return folder


REPEATABLE = ("loss", "eval_loss", "error", "learning_rate", "grad_norm")


def results(folder):
    """What must be the same whether or not a run was broken off."""
    return [{name: row[name] for name in ("step", *REPEATABLE) if name in row} for row in folder.metrics()]


def same(one, other):
    assert [row.keys() for row in one] == [row.keys() for row in other]
    for row, twin in zip(one, other, strict=True):
        assert row == pytest.approx(twin, abs=1e-4)


def wait(until, seconds=60):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "nothing came of it"
        time.sleep(0.01)
