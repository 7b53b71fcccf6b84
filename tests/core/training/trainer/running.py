# SPDX-License-Identifier: Apache-2.0

"""A run in this process, and what may befall it."""

import errno
import os

from core.training.trainer.run import execute
from core.training.trainer.trainer import RunTrainer


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


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
