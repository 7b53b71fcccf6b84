# SPDX-License-Identifier: Apache-2.0

"""What a run says of itself to whoever finds its model later."""

from __future__ import annotations

import platform
from typing import Any

import torch
import transformers

from core.models.inference import Models
from core.training.objective import Objective
from core.training.run_folder import RunFolder

PACE = (
    "step",
    "epoch",
    "seconds_left",
    "examples_per_second",
    "memory_mb",
)  # of a report, what is no figure of the model


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


def model_card(folder: RunFolder, objective: Objective) -> str:
    """A model card: what it is, what it was trained on, and how good it was before and after."""
    request, rows = folder.request(), [row for row in folder.metrics() if "eval_loss" in row]
    names = [name for name in rows[-1] if name not in PACE]
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
