"""What the frozen parts see is computed once, with its progress told, and can be stopped."""

import pytest
import torch
from PIL import Image

from core.errors import Stopped
from core.training.data.example import Example
from core.training.run_folder import RunFolder
from core.training.trainer.features import features, take


class Brightness:
    """An objective as far as it encodes."""

    def __init__(self):
        self.told = []

    def encode(self, examples):
        found = []
        for example in examples:
            found.append(float(example.picture().getpixel((0, 0))[0]))
            self.told.append(example.folder.status().get("stage"))
        return {"grey": torch.tensor(found)}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


@pytest.fixture
def examples(tmp_path):
    for number in range(12):
        Image.new("RGB", (8, 8), (20 * number,) * 3).save(tmp_path / f"{number}.png")
    return [Example(str(tmp_path / f"{number}.png")) for number in range(12)]


def test_they_are_computed_once_and_say_how_far_they_are(folder, examples):
    objective = Brightness()
    found = features(folder, objective, examples)
    assert found["grey"].tolist() == [20.0 * number for number in range(12)]
    assert dict.fromkeys(objective.told) == dict.fromkeys(
        ["looking at the data: 0 of 12", "looking at the data: 10 of 12"]
    )
    again = features(folder, None, examples)  # nobody is asked to encode
    assert torch.equal(again["grey"], found["grey"])
    assert take(found, [3, 1])["grey"].tolist() == [60.0, 20.0]


def test_cancelling_stops_it_and_leaves_nothing_half(folder, examples):
    folder.cancel()
    with pytest.raises(Stopped):
        features(folder, Brightness(), examples)
    assert not list(folder.path.glob("features*"))
