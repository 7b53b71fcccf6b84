# SPDX-License-Identifier: Apache-2.0

"""What the training recipes share: arrays on disk that are filled once and resumed, and a Trainer that resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import transformers

Row = Mapping[str, np.ndarray]


def filled(folder: Path, rows: int, make: Callable[[int], Row], every: int = 100) -> dict[str, np.ndarray]:
    """Memory-mapped arrays [rows, ...] under the names that make(i) gives; goes on where it was interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "done.json"
    done = json.loads(state.read_text()) if state.exists() else 0
    first = make(0)
    arrays = {name: _array(folder / f"{name}.npy", (rows, *value.shape), value.dtype) for name, value in first.items()}
    for row in range(done, rows):
        for name, value in make(row).items():
            arrays[name][row] = value
        if (row + 1) % every == 0 or row + 1 == rows:
            for array in arrays.values():
                array.flush()
            state.write_text(json.dumps(row + 1))
            print(f"{folder.name}: {row + 1} of {rows}", flush=True)
    return arrays


def _array(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def train(
    model: Any, loss: Callable[[Any, Any], Any], rows: Any, folder: Path, collate: Callable[..., Any], **options: Any
) -> None:
    """Train with `transformers.Trainer`, from its last checkpoint in `folder` if it has one. `loss(model, batch)`."""

    class LossTrainer(transformers.Trainer):
        def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> Any:
            return loss(model, inputs)

    arguments = transformers.TrainingArguments(
        str(folder),
        seed=0,
        weight_decay=0.05,
        lr_scheduler_type="cosine",
        warmup_steps=100,
        max_grad_norm=1.0,
        logging_steps=50,
        save_steps=200,
        save_total_limit=1,
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
        **options,
    )
    trainer = LossTrainer(model, arguments, train_dataset=rows, data_collator=collate)
    trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")))
    model.eval()
