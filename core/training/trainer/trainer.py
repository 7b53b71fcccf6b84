# SPDX-License-Identifier: Apache-2.0

"""transformers' Trainer over features that are there already: it reports to the run's folder, measures by the objective, and
keeps only what is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

from core.errors import UserError
from core.training import checkpoints
from core.training.data.check import evenly_spaced
from core.training.objective import EVAL_CHUNK, Batch, Config, Example, Learner, Objective
from core.training.progress import EVALUATING, TRAINING, ProgressFile
from core.training.run_folder import RunFolder
from core.training.trainer.callbacks import WatchCallback
from core.training.trainer.features import rows_at

KEPT_PREDICTIONS = 12  # held-out examples whose predictions are kept
PREDICTED = 64  # held-out examples that are predicted for


@dataclass(frozen=True)
class Parts:
    """Both sides of the split: what `Objective.encode` gave of the examples that are trained on, and of those that are held out,
    with those examples themselves."""

    train: Batch
    held_out: Batch
    examples: Sequence[Example]


class Rows(Dataset[dict[str, Tensor]]):
    """Row by row, each read from its file when a batch needs it."""

    def __init__(self, columns: Batch) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: column[row] for name, column in self.columns.items()}


class RunTrainer(transformers.Trainer):  # type: ignore[misc]
    control: Any

    def __init__(
        self, folder: RunFolder, progress: ProgressFile, objective: Objective, learner: Learner, parts: Parts
    ) -> None:
        self.folder, self.progress, self.objective, self.parts = folder, progress, objective, parts
        rows = Rows(parts.train)
        super().__init__(
            learner,
            _arguments(folder, objective, len(rows)),
            train_dataset=rows,
            eval_dataset=Rows(parts.held_out),
            callbacks=[WatchCallback(self)],
        )
        self.remove_callback(transformers.PrinterCallback)

    def go_on(self) -> int:
        """Train from the last good checkpoint, or from the start; how many updates there are then in all."""
        self.folder.remove_incomplete()
        last = next(iter(self.folder.checkpoints()[::-1]), None)
        done = checkpoints.step_of(last) if last else 0
        self.folder.truncate_metrics(done if last else -1)
        if last is None:
            self.progress.stage(EVALUATING)
            self.measure()
            self.write_predictions("before")
        if done < self.args.max_steps:
            self.progress.stage(TRAINING, self.args.max_steps, done)
            self.train(resume_from_checkpoint=str(last) if last else None)
            return int(self.state.global_step)
        self._load_from_checkpoint(str(last))  # to train() now would make one update too many
        return done

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        loss = model(**inputs)["loss"]
        if not torch.isfinite(loss):
            raise UserError("The loss is no longer a number. Lower the learning rate, and preview the data.")
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Called by `train` every `eval_every` updates."""
        with self.progress.during(EVALUATING, self.state.global_step):
            return self.measure()

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """The loss's terms as `eval_NAME` and the objective's own metrics, on the held-out examples; also reported."""
        learner = self.learner()
        chunk, learner.chunk = learner.chunk, learner.chunk or EVAL_CHUNK
        terms = learner(**{name: value.to(self.args.device) for name, value in self.parts.held_out.items()})
        results = {f"eval_{name}": float(value) for name, value in terms.items()}
        results |= self.objective.measure(learner, self.parts.held_out, self.parts.examples)
        learner.chunk = chunk
        learner.train()
        self.log(results)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, results)
        return results

    @torch.no_grad()
    def write_predictions(self, when: str) -> None:
        """Keep what it predicts now, `when` "before" or "after", of the same few held-out examples."""
        # More are asked than kept: a contrastive one chooses among their captions.
        asked = evenly_spaced(len(self.parts.examples), PREDICTED)
        examples = [self.parts.examples[place] for place in asked]
        predicted = self.objective.predict(self.learner(), rows_at(self.parts.held_out, asked), examples)
        kept = evenly_spaced(len(asked), KEPT_PREDICTIONS)
        self.folder.write_predictions(when, [examples[place] for place in kept], [predicted[place] for place in kept])

    def learner(self) -> Learner:
        """Not in training, and not wrapped for several devices."""
        model: Learner = self.accelerator.unwrap_model(self.model)
        return model.eval()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        trained = {name for name, weight in self.learner().named_parameters() if weight.requires_grad}
        weights = {name: value.contiguous() for name, value in self.learner().state_dict().items() if name in trained}
        save_file(weights, folder / "model.safetensors")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        learner = self.accelerator.unwrap_model(model or self.model)
        learner.load_state_dict(load_file(Path(resume_from_checkpoint) / "model.safetensors"), strict=False)


def _arguments(folder: RunFolder, objective: Objective, rows: int) -> transformers.TrainingArguments:
    config: Config = objective.config
    arguments = transformers.TrainingArguments(
        str(folder.path),
        max_steps=config.steps,
        per_device_train_batch_size=min(config.batch, rows),
        dataloader_drop_last=True,  # a last small batch would be an easier task for a contrastive loss
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        lr_scheduler_type="cosine",
        max_grad_norm=1.0,
        logging_steps=_steps_between_reports(config.eval_every),
        eval_strategy="steps",
        eval_steps=config.eval_every,
        eval_on_start=False,  # go_on() does it, once
        save_steps=config.eval_every,
        save_total_limit=2,  # the one before, should the newest be damaged
        seed=config.seed,
        use_cpu=objective.models.engine.device.name == "cpu",
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    # A plain run trains on one device. On several the Trainer would wrap the learner in DataParallel, which splits a batch that
    # a contrastive loss needs whole, and gives one loss a device. `accelerate launch` starts a process for each instead.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def _steps_between_reports(eval_every: int) -> int:
    """About a tenth of `eval_every`, and a part of it, so that a checkpoint never falls between two reports: a resumed run
    would give the next one of fewer updates."""
    return next(steps for steps in range(max(1, eval_every // 10), 0, -1) if eval_every % steps == 0)
