# SPDX-License-Identifier: Apache-2.0

"""What the watch half of the admin page says of runs: lines, rows and figures, out of what core knows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from core.models.family import EMBEDDED
from core.training import find_objective
from core.training.data.example import Example
from core.training.metrics import Report
from core.training.run_folder import CANCELLED, FINISHED, RUNNING
from core.training.supervisor.listing import Run
from core.training.supervisor.runs import Runs
from tabs._values import as_text, rows
from tabs.admin.starting import described

TABLE_HEADER = ["name", "state", "result", "updates", "objective", "data"]
PREDICTIONS_HEADER = ["#", "it is", "before", "after"]
PACE = ("step", "epoch", "loss", "grad_norm", "learning_rate", "examples_per_second", "seconds_left", "memory_mb")
STATES = {
    "running": "training",
    "finished": "finished",
    "cancelled": "cancelled; what it had learned was kept",
    "failed": "failed",
    "interrupted": "interrupted; it can be resumed",
}
STALLED_AFTER = 120.0  # seconds without a sign of life; evaluations of large data may be as quiet for longer
DELETED = "This run was deleted."


def run_table(runs: Runs, listed: Sequence[Run]) -> dict[str, Any]:
    """The value of the table of runs, a row for each of `listed`."""
    data = [
        [run.name, run.state, result(run, runs.metrics(run.id)), f"{run.step} of {run.steps}", run.objective, run.data]
        for run in listed
    ]
    return rows(TABLE_HEADER, data)


def run_choices(listed: Sequence[Run]) -> list[tuple[str, str]]:
    return [(f"{run.name} · {run.objective} · {run.id[-4:]}", run.id) for run in listed]


def status(run: Run, metrics: Sequence[Report]) -> str:
    """Where a run stands, in Markdown."""
    lines = [f"**{as_text(run.name)}**: {(run.state == RUNNING and run.stage) or STATES[run.state]}"]
    if run.reason:
        lines.append(as_text(run.reason))
    lines.append(times(run))
    last: Mapping[str, Any] = next((row for row in reversed(metrics) if "loss" in row), {})
    if last:
        lines.append(
            f"at update {run.step:,}: loss {last['loss']:.3f} · learning rate {last.get('learning_rate', 0):.2g} · "
            f"{last.get('examples_per_second', 0):.0f} examples a second · {last.get('memory_mb', 0):.0f} MB"
        )
    lines.append(as_text(result(run, metrics)) if metrics else "")
    if run.base != EMBEDDED:
        lines.append(f"started from {as_text(run.base)}")
    return "  \n".join(line for line in lines if line)


def times(run: Run) -> str:
    """Time gone, time left, and the last sign of life; "" of a run that never wrote any."""
    if run.seconds is None or run.sign_of_life is None:
        return ""
    silent = max(0.0, time.time() - run.sign_of_life)
    gone, ago = duration(run.seconds), duration(silent)
    if run.state in (FINISHED, CANCELLED):
        return f"it worked for {gone} and ended {ago} ago"
    if run.state != RUNNING:
        return f"it worked for {gone}; its last sign of life was {ago} ago, at “{run.stage}”"
    if silent >= STALLED_AFTER:
        return f"{gone} gone · **no sign of life for {ago}**: it may be stuck; wait, or cancel it"
    left = (
        "time left not known yet"
        if run.seconds_left is None
        else f"about {duration(run.seconds_left)} left of this stage"
    )
    return f"{gone} gone · {left} · last sign of life {ago} ago"


def duration(seconds: float) -> str:
    """As "45 s", "3 min" or "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def result(run: Run, metrics: Sequence[Report]) -> str:
    """The objective's own metric, before and now; "" where it was not measured."""
    objective = find_objective(run.objective)
    name = objective.metric if objective else ""
    measured = [row[name] for row in metrics if name in row]
    return f"{name} {measured[0]:.3f} → {measured[-1]:.3f}" if measured else ""


def task_metrics(run: Run, metrics: Sequence[Report]) -> list[str]:
    """The names of what the objective measures, its own metric first, three at most."""
    names = dict.fromkeys(name for row in metrics for name in row)
    own = [name for name in names if name not in PACE and not name.startswith(("eval_", "train_"))]
    objective = find_objective(run.objective)
    first = objective.metric if objective else ""
    return sorted(own, key=lambda name: name != first)[:3]


def differences(compared: Sequence[Mapping[str, Any]]) -> str:
    """Where the settings of compared runs are not alike, in Markdown."""
    if len(compared) < 2:
        return ""
    lines = [
        f"- {as_text(one['name'])}: " + ", ".join(as_text(f"{name} {value}") for name, value in one["settings"].items())
        for one in compared
    ]
    return "\n".join(["What differs:", *lines])


def predictions(found: Mapping[str, Any], objective: str) -> dict[str, Any]:
    """The value of the table of held-out examples with what was predicted before and after. `found` is what
    `RunFolder.predictions` gives."""
    examples = [described(Example(**one), objective) for one in found.get("examples", [])]
    before, after = (_texts(found.get(when), len(examples)) for when in ("before", "after"))
    data = [[str(row), *texts] for row, texts in enumerate(zip(examples, before, after, strict=True), 1)]
    return rows(PREDICTIONS_HEADER, data)


def _texts(found: Any, count: int) -> list[str]:
    texts = [str(text) for text in found] if isinstance(found, list) else []
    return [*texts, *[""] * count][:count]
