# SPDX-License-Identifier: Apache-2.0

"""A run that was broken off, whatever befell it, goes on as if nothing had."""

import os
import shutil
import signal

import pytest

from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED
from core.training.trainer.trainer import RunTrainer
from tests.core.training.toy import laid_out, results, same
from tests.core.training.trainer.running import Killed, at_step, die, full, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]


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
