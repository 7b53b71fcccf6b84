# SPDX-License-Identifier: Apache-2.0

"""What a learning strategy is to the lab: what it reads, what it trains, its loss, and how it is measured and kept."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.errors import UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.training.data.example import Example

__all__ = ["Batch", "Config", "Example", "Learner", "Objective", "option"]

Batch = Mapping[str, Tensor]
EVAL_CHUNK = 64  # rows at once where nothing is learned
TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def option(default: Any, help: str, low: float | None = None, high: float | None = None, of: Sequence[str] = ()) -> Any:
    """A field of an objective's Config, from which the form is made: what it does, and between which values it may lie,
    or of which words it is one."""
    return dataclasses.field(default=default, metadata={"help": help, "low": low, "high": high, "of": tuple(of)})


@dataclass(frozen=True)
class Config:
    """What all objectives ask. Values out of range raise UserError."""

    steps: int = option(200, "how often the weights are changed", 1, 20_000)
    batch: int = option(32, "examples in each step", 2, 1024)
    chunk: int = option(0, "examples at once in memory, a micro-batch; 0 for all; the result is the same", 0, 1024)
    learning_rate: float = option(1e-3, "how far each step changes the weights", 1e-7, 1.0)
    warmup: int = option(10, "steps until the learning rate is reached", 0, 5_000)
    weight_decay: float = option(0.05, "pull of the weights towards zero", 0.0, 1.0)
    eval_every: int = option(50, "steps between two evaluations; each keeps a checkpoint", 1, 20_000)
    held_out: float = option(0.2, "share of the data that is measured on and never trained on", 0.05, 0.9)
    seed: int = option(0, "of the split, the first weights and the order", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, limits = getattr(self, field.name), field.metadata
            if limits["of"] and value not in limits["of"]:
                raise UserError(f"{field.name}: choose one of {', '.join(limits['of'])}.")
            if limits["low"] is not None and not limits["low"] <= value <= limits["high"]:
                raise UserError(f"{field.name} lies between {limits['low']} and {limits['high']}.")

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Config:
        """From JSON or a form. Raises UserError for an unknown name or a value of another type."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = [str(name)[:60] for name in values if name not in fields]
        if unknown:
            raise UserError(f"There is no setting called {unknown[0]!r}. Choose of: {', '.join(fields)}.")
        return cls(**{name: _typed(name, value, type(fields[name].default)) for name, value in values.items()})


def _typed(name: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not kind:
        raise UserError(f"{name} wants {TYPE_NAMES[kind]}, not {str(value)[:40]!r}.")
    return value


class Learner(nn.Module, ABC):
    """What is trained. Frozen weights stand in it with requires_grad False.

    A batch may be read in chunks whose inner states are computed again on the way back (Chen et al., arXiv 1604.06174): the
    loss sees the whole batch all the same, which a contrastive loss needs and adding up gradients would not give."""

    chunk: int = 0

    def train(self, mode: bool = True) -> Learner:
        """Never in the mode of training: dropout and a batch's own statistics would make a batch in chunks another one."""
        return super().train(False)

    @abstractmethod
    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        """What the loss needs of each row: [rows, ...] each."""

    @abstractmethod
    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Named scalars; "loss" is the one to make smaller, others are its parts."""

    def forward(self, **batch: Tensor) -> dict[str, Tensor]:
        """The terms of `loss`."""
        rows = len(next(iter(batch.values())))
        size = self.chunk or rows
        names: list[str] = []

        def read(*part: Tensor) -> tuple[Tensor, ...]:
            found = self.outputs(dict(zip(batch, part, strict=True)))
            names[:] = found
            return tuple(found.values())

        chunks = list(zip(*(torch.split(value, size) for value in batch.values()), strict=True))
        if len(chunks) == 1:
            parts = [read(*chunks[0])]
        else:
            parts = [checkpoint(read, *chunk, use_reentrant=False) for chunk in chunks]
        joined = [torch.cat(column) for column in zip(*parts, strict=True)]
        return self.loss(dict(zip(names, joined, strict=True)), batch)

    @torch.no_grad()
    def outputs_of_many(self, rows: Batch) -> dict[str, Tensor]:
        """`outputs` of however many rows there are, in main memory: computed `chunk` rows at once, or EVAL_CHUNK."""
        chunks = zip(*(torch.split(value, self.chunk or EVAL_CHUNK) for value in rows.values()), strict=True)
        found = [self.outputs(dict(zip(rows, chunk, strict=True))) for chunk in chunks]
        return {name: torch.cat([part[name].cpu() for part in found]) for name in found[0]}


class Objective(ABC):
    """A learning strategy over a base model. Frozen parts encode each example once (`encode`); the learner is trained on these
    features, so a run on a processor is a matter of minutes."""

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int] = 50
    about: ClassVar[str]  # Markdown: what is learned, what is frozen, the loss as a formula, the papers
    needs: ClassVar[tuple[str, ...]]  # the fields of Example that it reads
    data: ClassVar[str] = "scenes"  # of the sources in core/training/data/loading.py the one to try it on first
    phrases: ClassVar[bool] = False  # whether its scenes have phrases of one object each instead of whole captions
    metric: ClassVar[str]  # of those that `measure` gives, the one that says how good it is
    Config: ClassVar[type[Config]] = Config

    def __init__(self, config: Any, models: Models, base: str = EMBEDDED) -> None:
        self.config, self.models, self.base = config, models, base

    @classmethod
    def bases(cls, models: Models) -> list[str]:
        """The checkpoints that it can start from, the default first."""
        return [EMBEDDED]

    @abstractmethod
    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """The features that the frozen parts compute: [examples, ...] under the names that the learner's batches have. Called
        with a few examples at a time; where texts of another length give other widths, all are filled up with zeros to the
        largest."""

    @abstractmethod
    def learner(self, train: Batch) -> Learner:
        """Fresh weights; `train` is all that `encode` gave of the training part, read from its file: take what is needed and
        keep no large part of it. The seed is set before."""

    @abstractmethod
    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """The task's own metrics on held-out examples, of which `rows` is what `encode` gave; one that these examples cannot
        tell is left out."""

    @abstractmethod
    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """What the learner predicts for a few held-out examples, in words."""

    @abstractmethod
    def save(self, learner: Learner, folder: Path) -> None:
        """In the form of `save_pretrained`: config.json and safetensors, which a family in core/models/ loads. The folder is
        given away as it is: no path of this machine may be in it."""
