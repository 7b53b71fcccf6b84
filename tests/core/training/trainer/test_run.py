# SPDX-License-Identifier: Apache-2.0

"""A run in this process: what it leaves behind, whatever befalls it."""

import errno
import json
import os
import shutil
import signal

import pytest
import torch
import transformers

from core.errors import UserError
from core.training import checkpoints
from core.training.__main__ import main
from core.training.failures import DISK_FULL_STATUS
from core.training.progress import ProgressFile
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.trainer.run import execute
from core.training.trainer.trainer import RunTrainer
from tests.core.training.toy import laid_out, results, same, toy  # noqa: F401  a fixture

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quiet(toy):  # noqa: F811
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Killed(BaseException):
    """Stands for kill -9: no handler of the run sees it."""


def run(folder):
    return execute(folder, "cpu")


def at_step(monkeypatch, step, act):
    """Call `act` when the run has made so many updates, once."""
    original, done = RunTrainer.training_step, []

    def training_step(self, *args, **kwargs):
        if self.state.global_step == step and not done:
            done.append(step)
            act(self)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(RunTrainer, "training_step", training_step)


def die(*_):
    raise Killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing befell, and its folder's name."""
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture
def undisturbed(whole):
    folder = RunFolder(whole)
    if not whole.exists():
        laid_out(whole)
        assert run(folder) == FINISHED
    return folder


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


@pytest.mark.parametrize("step", range(12))
def test_killed_and_resumed_is_uninterrupted(undisturbed, tmp_path, monkeypatch, step):
    folder = laid_out(tmp_path / "run")
    at_step(monkeypatch, step, die)
    with pytest.raises(Killed):
        run(folder)
    assert folder.status()["state"] == "running"  # nobody was left to say otherwise
    assert run(folder) == FINISHED
    same(results(folder), results(undisturbed))
    assert folder.predictions()["after"] == undisturbed.predictions()["after"]


def test_killed_after_the_last_update_it_only_keeps_the_model(undisturbed, tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("core.training.trainer.run._save_model", die)
        with pytest.raises(Killed):
            run(folder)
    at_step(monkeypatch, 12, die)  # no update may follow
    assert run(folder) == FINISHED
    same(results(folder), results(undisturbed))
    assert (folder.model / "model.safetensors").read_bytes() == (undisturbed.model / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json", "complete"])
def test_a_truncated_checkpoint_falls_back_to_the_one_before(undisturbed, tmp_path, monkeypatch, name):
    folder = laid_out(tmp_path / "run")
    at_step(monkeypatch, 10, die)
    with pytest.raises(Killed):
        run(folder)
    newest = folder.checkpoints()[-1]
    assert newest.name == "checkpoint-8"
    os.truncate(newest / name, (newest / name).stat().st_size // 2)
    assert [path.name for path in folder.checkpoints()] == ["checkpoint-4"]
    assert run(folder) == FINISHED
    same(results(folder), results(undisturbed))


def test_sigterm_during_a_save_leaves_a_complete_checkpoint(undisturbed, tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run")
    original = RunTrainer._save

    def terminated(self, *args, **kwargs):
        original(self, *args, **kwargs)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(RunTrainer, "_save", terminated)
        assert run(folder) == INTERRUPTED
    assert [path.name for path in folder.checkpoints()] == ["checkpoint-4", "checkpoint-5"]
    assert run(folder) == FINISHED
    assert results(folder)[-1] == pytest.approx(results(undisturbed)[-1], abs=1e-4)


def test_a_cancelled_run_keeps_and_measures_what_it_has_and_can_go_on(undisturbed, tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run")
    at_step(monkeypatch, 6, lambda trainer: folder.cancel())
    assert run(folder) == CANCELLED
    assert folder.metrics()[-1]["step"] == 7
    assert "error" in folder.metrics()[-1]
    assert (folder.model / "model.safetensors").exists()
    folder.cancel(False)
    assert run(folder) == FINISHED
    assert results(folder)[-1] == pytest.approx(results(undisturbed)[-1], abs=1e-4)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(weights, path):
    """What the library for safetensors does on a full disk."""
    path.write_bytes(b"half")
    raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("writer", ["core.training.trainer.trainer.save_file", "torch.save"])
def test_a_full_disk_stops_it_cleanly_and_the_last_good_checkpoint_stays(undisturbed, tmp_path, monkeypatch, writer):
    folder = laid_out(tmp_path / "run")
    broken = half_written if writer.endswith("save_file") else full
    with monkeypatch.context() as patch:
        at_step(patch, 6, lambda trainer: patch.setattr(writer, broken))
        with pytest.raises((OSError, RuntimeError)):
            run(folder)
    status = folder.status()
    assert (status["state"], "disk is full" in status["reason"]) == (FAILED, True)
    assert [path.name for path in folder.path.glob("checkpoint-*")] == ["checkpoint-4"]
    assert run(folder) == FINISHED  # there is room again
    same(results(folder), results(undisturbed))


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


def test_a_resumed_run_counts_on_from_its_checkpoint(tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run", steps=8, eval_every=4)
    at_step(monkeypatch, 6, die)
    with pytest.raises(Killed):
        run(folder)
    worked = folder.progress().seconds()
    assert run(folder) == FINISHED
    assert folder.progress().earlier == pytest.approx(worked)


def test_a_moved_run_goes_on(tmp_path, monkeypatch):
    folder = laid_out(tmp_path / "run")
    at_step(monkeypatch, 6, die)
    with pytest.raises(Killed):
        run(folder)
    shutil.rmtree(tmp_path / "numbers")
    folder.path = folder.path.rename(tmp_path / "elsewhere")
    assert run(folder) == FINISHED
