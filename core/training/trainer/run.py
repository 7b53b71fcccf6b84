"""One run, in a process of its own: from the request in its folder to the model in it. Killed at any moment, it can be called
again and goes on from its last complete checkpoint, with the same result."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

from core.engine import Engine
from core.errors import Stopped, UserError
from core.models.inference import Models
from core.settings import Settings
from core.training import OBJECTIVES, all_objectives, checkpoints, need_base
from core.training.data.loading import split, spread
from core.training.objective import Batch, Example, Learner, Objective
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.trainer.card import card, environment
from core.training.trainer.features import features, take

SHOWN = 12  # held-out examples whose predictions are kept
MEASURED = 64  # held-out examples at once in memory, and those that are predicted for
DISK_FULL = ("No space left", "StorageFull", "PytorchStreamWriter", "inline_container", "File too large")


def execute(folder: RunFolder, device: str = "auto", models: Path | None = None) -> str:
    """Train, or go on training; the state in which it ended. Raises UserError, with the reason also in the folder."""
    folder = RunFolder(folder.path, writes=os.environ.get("RANK", "0") == "0")  # set by `accelerate launch`
    folder.hold()
    try:
        all_objectives()
        return _execute(folder, Models(Engine(Settings(device=device)), models))
    except Stopped:
        folder.say(CANCELLED, reason="Cancelled before it had learned anything.")
        return CANCELLED
    except Exception as error:
        folder.sweep()  # half a checkpoint may be what filled the disk
        with suppress(OSError):  # the disk has no room for even this line: the log tells
            folder.say(FAILED, reason=reason(error))
        raise
    finally:
        folder.let_go()


def reason(error: Exception) -> str:
    """Why a run failed, for a person."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) or any(words in str(error) for words in DISK_FULL):
        return "Writing failed: the disk is full, or gone. What was kept before stays: make room and resume."
    return f"{type(error).__name__}: see the log."


def _execute(folder: RunFolder, models: Models) -> str:
    request, examples = folder.request(), folder.examples()
    kind = OBJECTIVES.get(request.objective)
    config = kind.Config.read(request.settings)
    objective = kind(config, models, request.base)
    need_base(models, request.objective, request.base)
    folder.say(RUNNING, stage="looking at the data")
    folder.write("environment.json", json.dumps(environment(models), indent=1))
    train, held = split(len(examples), config)
    rows = features(folder, objective, examples)
    transformers.set_seed(config.seed)
    learner = objective.learner(take(rows, train))
    learner.chunk = config.chunk
    trainer = _Trainer(folder, objective, learner, take(rows, train), take(rows, held), [examples[i] for i in held])
    folder.say(RUNNING, stage="training")
    done = trainer.go_on()
    if done < config.steps and not folder.cancelled:
        folder.say(INTERRUPTED)
        return INTERRUPTED
    folder.say(RUNNING, stage="keeping the model")
    trainer.predicted("after")
    _keep(folder, objective, learner)
    state = FINISHED if done == config.steps else CANCELLED
    folder.say(state)
    return state


def _keep(folder: RunFolder, objective: Objective, learner: Learner) -> None:
    """The model, whole or not at all."""
    if not folder.writes:
        return
    half = folder.path / "model.part"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    objective.save(learner.eval(), half)
    (half / "README.md").write_text(card(folder, objective), encoding="utf-8")
    shutil.rmtree(folder.model, ignore_errors=True)
    half.replace(folder.model)


class Rows(Dataset[dict[str, Tensor]]):
    def __init__(self, columns: Batch) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: column[row] for name, column in self.columns.items()}


class _Trainer(transformers.Trainer):  # type: ignore[misc]
    """Reports to the folder, measures by the objective, and keeps only what is trained."""

    control: Any

    def __init__(
        self,
        folder: RunFolder,
        objective: Objective,
        learner: Learner,
        train: Batch,
        held: Batch,
        examples: Sequence[Example],
    ) -> None:
        self.folder, self.objective, self.held, self.examples = folder, objective, held, examples
        self.interrupted = False
        config = objective.config
        arguments = transformers.TrainingArguments(
            str(folder.path),
            max_steps=config.steps,
            per_device_train_batch_size=min(config.batch, len(next(iter(train.values())))),
            dataloader_drop_last=True,  # a last small batch would be an easier task for a contrastive loss
            learning_rate=config.learning_rate,
            warmup_steps=config.warmup,
            weight_decay=config.weight_decay,
            lr_scheduler_type="cosine",
            max_grad_norm=1.0,
            logging_steps=_pace(config.eval_every),
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
        super().__init__(
            learner, arguments, train_dataset=Rows(train), eval_dataset=Rows(held), callbacks=[_Watch(self)]
        )
        self.remove_callback(transformers.PrinterCallback)

    def go_on(self) -> int:
        """Train from the last good checkpoint, or from the start; how many updates there are then in all."""
        self.folder.sweep()
        last = next(iter(self.folder.checkpoints()[::-1]), None)
        done = checkpoints.step_of(last) if last else 0
        self.folder.forget_after(done if last else -1)
        if last is None:
            self.evaluate()
            self.predicted("before")
        if done < self.args.max_steps:
            self.train(resume_from_checkpoint=str(last) if last else None)
            return int(self.state.global_step)
        self._load_from_checkpoint(str(last))  # to train() now would make one update too many
        return done

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        loss = model(**inputs)["loss"]
        if not torch.isfinite(loss):
            raise UserError("The loss is no longer a number. Lower the learning rate, and look at the data.")
        return loss

    @torch.no_grad()
    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        learner = self.learner()
        chunk, learner.chunk = learner.chunk, learner.chunk or MEASURED
        terms = learner(**{name: value.to(self.args.device) for name, value in self.held.items()})
        learner.chunk = chunk
        figures = {f"eval_{name}": float(value) for name, value in terms.items()}
        figures |= self.objective.measure(learner, self.held, self.examples)
        learner.train()
        self.log(figures)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, figures)
        return figures

    @torch.no_grad()
    def predicted(self, when: str) -> None:
        """Keep what it says now of the same few held-out examples."""
        # More are asked than kept: a contrastive one chooses among their captions.
        asked = spread(len(self.examples), MEASURED)
        examples = [self.examples[place] for place in asked]
        said = self.objective.predict(self.learner(), take(self.held, asked), examples)
        kept = spread(len(asked), SHOWN)
        shown = {"examples": [examples[place].__dict__ for place in kept]}
        whole = {**shown, **self.folder.predictions(), when: [said[place] for place in kept]}
        self.folder.write("predictions.json", json.dumps(whole, indent=1))

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


class _Watch(transformers.TrainerCallback):  # type: ignore[misc]
    """What a person looking on wants to know; and the two ways to stop."""

    def __init__(self, trainer: _Trainer) -> None:
        self.trainer, self.folder = trainer, trainer.folder
        self.began, self.first = time.monotonic(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        signal.signal(signal.SIGTERM, lambda *_: setattr(self.trainer, "interrupted", True))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "train_runtime" in (logs or {}):
            return  # a summary of this process only, which a resumed run would give otherwise
        done = state.global_step - self.first
        each = (time.monotonic() - self.began) / max(1, done)
        pace = {
            "examples_per_second": args.train_batch_size / each if done else 0.0,
            "seconds_left": each * (state.max_steps - state.global_step) if done else 0.0,
            "memory_mb": _memory_mb(),
        }
        figures = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
        self.folder.report({"step": state.global_step, **figures, **pace})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.stopping():
            control.should_save = control.should_training_stop = True
            control.should_evaluate = self.folder.cancelled  # the model that is kept is also measured

    def stopping(self) -> bool:
        """Processes that train together must stop together, though each sees the mark at a time of its own."""
        own, accelerator = self.trainer.interrupted or self.folder.cancelled, self.trainer.accelerator
        if accelerator.num_processes == 1:
            return own
        if own:
            accelerator.set_trigger()
        return bool(accelerator.check_trigger())

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.accelerator.wait_for_everyone()
        self.folder.seal(state.global_step)


def _pace(every: int) -> int:
    """Updates between two reports: about a tenth of `every`, and a part of it, so that a checkpoint never falls between two
    reports: a resumed run would give the next one of fewer updates."""
    return next(steps for steps in range(max(1, every // 10), 0, -1) if every % steps == 0)


def _memory_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)
