# SPDX-License-Identifier: Apache-2.0

"""A run in this process: what it leaves behind, and what it tells of a failure."""

import json

import pytest
import torch
import transformers

from core.errors import UserError
from core.training import checkpoints
from core.training.__main__ import main
from core.training.failures import DISK_FULL_STATUS
from core.training.progress import ProgressFile
from core.training.run_folder import FAILED, FINISHED, RUNNING, RunFolder
from tests.core.training.toy import laid_out, results, same
from tests.core.training.trainer.running import full, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]


def test_a_finished_run_leaves_all_that_is_promised(undisturbed):
    path = undisturbed.path
    assert undisturbed.status() == {"state": FINISHED}
    assert [row["step"] for row in undisturbed.metrics() if "error" in row] == [0, 4, 8, 12]
    assert sorted(file.name for file in undisturbed.model.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    said = undisturbed.predictions()
    assert {"before", "after", "examples"} <= said.keys()
    assert len({str(example) for example in said["examples"]}) == len(said["before"]) == len(said["after"])
    assert undisturbed.environment()["device"] == "cpu"
    assert [checkpoints.step_of(found) for found in undisturbed.checkpoints()] == [8, 12]
    assert not (path / "process.json").exists()
    assert not list(path.glob("**/*.part"))


def test_a_loss_that_is_no_number_is_the_reason_of_the_failure(tmp_path):
    folder = laid_out(tmp_path / "run", broken_at=6.0)
    with pytest.raises(UserError, match="no longer a number"):
        run(folder)
    assert folder.status()["state"] == FAILED
    assert "Lower the learning rate" in folder.status()["reason"]
    assert [path.name for path in folder.checkpoints()] == ["checkpoint-4"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_rows_are_the_reason_of_the_failure(tmp_path, rows):
    folder = laid_out(tmp_path / "run")
    lines = (folder.path / "data.jsonl").read_text().splitlines()[:rows]
    folder.write("data.jsonl", "\n".join(lines))
    (folder.path / "split.json").unlink()
    with pytest.raises(UserError, match="too few"):
        run(folder)
    assert f"{rows} examples are too few" in folder.status()["reason"]


def test_another_base_than_the_objective_knows_is_refused(tmp_path):
    folder = laid_out(tmp_path / "run")
    folder.write("request.json", json.dumps(json.loads((folder.path / "request.json").read_text()) | {"base": "gpt2"}))
    with pytest.raises(UserError, match="cannot start from 'gpt2'"):
        run(folder)


def test_what_went_wrong_inside_is_left_to_the_log(tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run")
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(folder)
    assert folder.status()["reason"] == "ZeroDivisionError: see the log."


class TwoReplicas(torch.nn.Module):
    """What DataParallel makes of a learner on two GPUs: each has half of the batch, and its own loss."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, **batch):
        halves = [self.module(**{name: value[part::2] for name, value in batch.items()}) for part in (0, 1)]
        return {name: torch.stack([half[name] for half in halves]) for name in halves[0]}


def test_on_two_gpus_a_plain_run_trains_on_one(undisturbed, tmp_path, monkeypatch):
    class TwoGpus(transformers.TrainingArguments):
        def __post_init__(self):
            super().__post_init__()
            self._n_gpu = 2

    monkeypatch.setattr(transformers, "TrainingArguments", TwoGpus)
    monkeypatch.setattr(torch.nn, "DataParallel", TwoReplicas)
    folder = laid_out(tmp_path / "run")
    assert run(folder) == FINISHED
    same(results(folder), results(undisturbed))


def test_no_path_of_this_machine_is_in_what_is_shown_or_given_away(undisturbed):
    said = (undisturbed.path / "predictions.json").read_text()
    assert str(undisturbed.path) not in said
    examples = undisturbed.predictions()["examples"]
    assert all(example["image"].startswith("data/") for example in examples)
    assert all(example.picture().size == (8, 8) for example in undisturbed.predicted_examples())
    for file in undisturbed.model.iterdir():
        assert str(undisturbed.path.parent).encode() not in file.read_bytes()


def test_predictions_of_an_earlier_version_hold_whole_paths_of_then_and_are_still_read(undisturbed, tmp_path):
    folder = laid_out(tmp_path / "run")
    found = undisturbed.predictions()
    for example in found["examples"]:
        example["image"] = f"/home/somebody/runs/moved since/{example['image']}"
    folder.write("predictions.json", json.dumps(found))
    assert [example["image"] for example in folder.predictions()["examples"]] == [
        example["image"] for example in undisturbed.predictions()["examples"]
    ]
    assert all(example.picture().size == (8, 8) for example in folder.predicted_examples())


def test_a_disk_without_room_for_the_reason_is_told_by_the_exit_status(tmp_path, monkeypatch, capsys):
    folder = laid_out(tmp_path / "run")
    write = RunFolder.write
    monkeypatch.setattr(
        RunFolder, "write", lambda self, name, text: full() if "status" in name else write(self, name, text)
    )
    assert main([str(folder.path), "--device", "cpu"]) == DISK_FULL_STATUS
    assert "disk is full" in capsys.readouterr().err
    assert not (folder.path / "status.json").exists()


def test_the_status_changes_when_the_state_does(tmp_path, monkeypatch):
    """That trained models come and go is read off its time: a run must not write it all the while."""
    written, write = [], RunFolder.write
    monkeypatch.setattr(
        RunFolder, "write", lambda self, name, text: (written.append((name, text)), write(self, name, text))[1]
    )
    folder = laid_out(tmp_path / "run")
    assert run(folder) == FINISHED
    assert [json.loads(text)["state"] for name, text in written if name == "status.json"] == [RUNNING, FINISHED]
    assert str(folder.progress()) == "saving the model"


def test_the_stages_of_a_run_in_their_order(tmp_path, monkeypatch):
    stages, write = [], ProgressFile._write
    monkeypatch.setattr("core.training.progress.INTERVAL", float("inf"))  # however slow the machine is
    monkeypatch.setattr(
        ProgressFile, "_write", lambda self, progress: (stages.append(str(progress)), write(self, progress))[1]
    )
    assert run(laid_out(tmp_path / "run", steps=4, eval_every=2)) == FINISHED
    assert stages == [
        "loading data",
        "computing features: 0 of 20",
        "computing features: 20 of 20",
        "evaluating",
        "training: 0 of 4",
        "training: 2 of 4, evaluating",
        "training: 2 of 4",
        "training: 4 of 4",
        "training: 4 of 4, evaluating",
        "training: 4 of 4",
        "saving the model",
    ]
