"""One run, in a process of its own: from the request in its folder to the model in it. Killed at any moment, it can be called
again and goes on from its last complete checkpoint, with the same result."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

from core.engine import Engine
from core.errors import UserError
from core.models import Models
from core.settings import Settings
from core.training import OBJECTIVES, all_objectives
from core.training.folder import CANCELLED, COMPLETE, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.objective import Batch, Config, Example, Learner, Objective

SHOWN = 6  # held-out examples whose predictions are kept
ENCODED = 64  # examples that the frozen parts see at once
FEWEST = 4


def execute(folder: RunFolder, device: str = "auto", models: Path | None = None) -> str:
    """Train, or go on training; the state in which it ended. Raises UserError, with the reason also in the folder."""
    all_objectives()
    try:
        return _execute(folder, Models(Engine(Settings(device=device)), models))
    except Exception as error:
        reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: see the log."
        if isinstance(error, OSError):
            reason = f"Writing failed ({error.strerror}). What was kept before stays: make room and resume."
        folder.say(FAILED, reason=reason)
        raise


def _execute(folder: RunFolder, models: Models) -> str:
    request, examples = folder.request(), folder.examples()
    kind = OBJECTIVES.get(request.objective)
    config = kind.Config.read(request.settings)
    objective = kind(config, models, request.base)
    folder.say(RUNNING, stage="looking at the data")
    folder.write("environment.json", json.dumps(environment(models), indent=1))
    train, held = split(len(examples), config)
    rows = _features(folder, objective, examples)
    transformers.set_seed(config.seed)
    learner = objective.learner(_take(rows, train))
    learner.chunk = config.chunk
    trainer = _Trainer(folder, objective, learner, _take(rows, train), _take(rows, held), [examples[i] for i in held])
    checkpoints = folder.checkpoints()
    folder.forget_after(int(checkpoints[-1].name.rpartition("-")[2]) if checkpoints else -1)
    if not checkpoints:
        trainer.predicted("before")
    folder.say(RUNNING, stage="training")
    trainer.train(resume_from_checkpoint=str(checkpoints[-1]) if checkpoints else None)
    if trainer.interrupted:
        folder.say(INTERRUPTED)
        return INTERRUPTED
    trainer.predicted("after")
    objective.save(learner.eval(), folder.model)
    folder.write("model/README.md", card(folder, objective))
    state = CANCELLED if folder.cancelled else FINISHED
    folder.say(state)
    return state


def split(n: int, config: Config) -> tuple[list[int], list[int]]:
    """Places of the training part and of the held-out part, by the seed."""
    held = max(1, round(n * config.held_out))
    if n < FEWEST or n - held < 2:
        raise UserError(f"{n} examples are too few to train on and to measure on. Give at least {FEWEST}, better 50.")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(config.seed)).tolist()
    return sorted(order[held:]), sorted(order[:held])


class Rows(Dataset[dict[str, Tensor]]):
    def __init__(self, columns: Batch) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: column[row] for name, column in self.columns.items()}


class _Trainer(transformers.Trainer):
    """Reports to the folder, measures by the objective, and keeps only what is trained."""

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
            logging_steps=max(1, config.eval_every // 10),
            eval_strategy="steps",
            eval_steps=config.eval_every,
            eval_on_start=not folder.checkpoints(),
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

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
        loss = model(**inputs)["loss"]
        if not torch.isfinite(loss):
            raise UserError("The loss is no longer a number. Lower the learning rate, and look at the data.")
        return loss

    @torch.no_grad()
    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        learner = self.learner()
        terms = learner(**{name: value.to(self.args.device) for name, value in self.held.items()})
        figures = {f"eval_{name}": float(value) for name, value in terms.items()}
        figures |= self.objective.measure(learner, self.held, self.examples)
        learner.train()
        self.log(figures)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, figures)
        return figures

    @torch.no_grad()
    def predicted(self, when: str) -> None:
        """Keep what it says now of the first few held-out examples."""
        shown = self.examples[:SHOWN]
        rows = {name: value[: len(shown)] for name, value in self.held.items()}
        said = self.objective.predict(self.learner(), rows, shown)
        whole = {"examples": [example.__dict__ for example in shown], **self.folder.predictions(), when: said}
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

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """What is frozen is in no checkpoint; transformers would ask the learner for a list of it that only its own models
        have."""


class _Watch(transformers.TrainerCallback):
    """What a person looking on wants to know; and the two ways to stop."""

    def __init__(self, trainer: _Trainer) -> None:
        self.trainer, self.folder = trainer, trainer.folder
        self.began, self.first = time.monotonic(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        signal.signal(signal.SIGTERM, lambda *_: setattr(self.trainer, "interrupted", True))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
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
        if self.trainer.interrupted or self.folder.cancelled:
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        (self.folder.path / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def _memory_mb() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def _features(folder: RunFolder, objective: Objective, examples: Sequence[Example]) -> dict[str, Tensor]:
    """Computed once, and there when the run is resumed."""
    path = folder.path / "features.safetensors"
    if not path.exists():
        with torch.inference_mode():
            save_file({name: value.contiguous() for name, value in objective.encode(examples).items()}, f"{path}.part")
        Path(f"{path}.part").replace(path)
    return load_file(path)


def _take(rows: Batch, places: Sequence[int]) -> dict[str, Tensor]:
    return {name: value[torch.tensor(places)] for name, value in rows.items()}


def environment(models: Models) -> dict[str, Any]:
    """What a person would need to run it again. No variables of the environment: they may hold secrets."""
    device = models.engine.device
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": device.name,
        "dtype": device.dtype,
    }


def card(folder: RunFolder, objective: Objective) -> str:
    """A model card: what it is, what it was trained on, and how good it was before and after."""
    request, rows = folder.request(), [row for row in folder.metrics() if "eval_loss" in row]
    names = [
        name for name in rows[-1] if name not in ("step", "epoch", "seconds_left", "examples_per_second", "memory_mb")
    ]
    table = "\n".join(f"| {name} | {rows[0][name]:.4f} | {rows[-1][name]:.4f} |" for name in names)
    settings = "\n".join(f"- {name}: {value}" for name, value in vars(objective.config).items())
    return f"""\
# Model card: {request.name or objective.title}

**What it is.** {objective.title}, trained from {request.base} by a run of VLM Lab on {len(folder.examples())} examples
of {request.data}, of which {objective.config.held_out:.0%} were held out.

{objective.about}

| on the held-out part | before | after |
|---|---|---|
{table}

{settings}

**Limits.** A small run on small data: it knows what it was shown. Do not use it to decide anything about anyone.
"""
