# SPDX-License-Identifier: Apache-2.0

"""What a person watching a run wants to know while it trains; and the two ways to stop it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import transformers

if TYPE_CHECKING:
    from core.training.trainer.trainer import RunTrainer


class WatchCallback(transformers.TrainerCallback):  # type: ignore[misc]
    """Writes each report to metrics.jsonl, and stops after the present update on SIGTERM or when the run is cancelled."""

    def __init__(self, trainer: RunTrainer) -> None:
        self.trainer, self.folder = trainer, trainer.folder
        self.began, self.first_step = time.monotonic(), 0
        self.terminated = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first_step = time.monotonic(), state.global_step
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "terminated", True))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "train_runtime" in (logs or {}):
            return  # a summary of this process only, which a resumed run would give otherwise
        done = state.global_step - self.first_step
        each = (time.monotonic() - self.began) / max(1, done)  # seconds an update
        pace = {
            "examples_per_second": args.train_batch_size / each if done else 0.0,
            "seconds_left": each * (state.max_steps - state.global_step) if done else 0.0,
            "memory_mb": psutil.Process().memory_info().rss / 2**20,
        }
        results = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self.folder.append_metrics({"step": state.global_step, **results, **pace})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.progress.update(state.global_step)
        if self.stopping():
            control.should_save = control.should_training_stop = True
            control.should_evaluate = self.folder.cancelled  # the model that is kept is also measured

    def stopping(self) -> bool:
        """Processes that train together must stop together, though each sees the signal or the file at a time of its own."""
        own, accelerator = self.terminated or self.folder.cancelled, self.trainer.accelerator
        if accelerator.num_processes == 1:
            return own
        if own:
            accelerator.set_trigger()
        return bool(accelerator.check_trigger())

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.accelerator.wait_for_everyone()
        self.folder.mark_complete(state.global_step)
