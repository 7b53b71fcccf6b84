# SPDX-License-Identifier: Apache-2.0

"""What the watch half of the admin page says of runs: lines, rows and figures, out of what core knows."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from core.explain import curves
from core.models.family import EMBEDDED
from core.training import find_objective
from core.training.data.example import Example
from core.training.metrics import Report
from core.training.run_folder import CANCELLED, FINISHED, RUNNING
from core.training.supervisor.listing import Run
from core.training.supervisor.runs import Runs
from tabs._shown import drawings
from tabs._texts import texts
from tabs._values import as_text
from tabs.admin.starting import described
from tabs.admin.tables import link, table, thumbnail

SAID = texts("admin")
PACE = ("step", "epoch", "loss", "grad_norm", "learning_rate", "examples_per_second", "seconds_left", "memory_mb")
STALLED_AFTER = 120.0  # seconds without a sign of life; evaluations of large data may be as quiet for longer


def run_table(runs: Runs, listed: Sequence[Run]) -> str:
    """The runs as an HTML table, or the sentence that there is none."""
    data = [
        [
            link(run.name, f"?run={quote(run.id)}"),
            SAID.state_stopping if run.stopping else run.state,
            result(run, runs.metrics(run.id)),
            SAID("of_steps", done=run.step, total=run.steps),
            run.objective,
            run.data,
        ]
        for run in listed
    ]
    header = [SAID.name, SAID.state, SAID.result, SAID.steps, SAID.objective, SAID.data]
    shown = table(SAID.listed, header, [[name, *map(html.escape, row)] for name, *row in data])
    return shown or f"<p>{html.escape(SAID.nothing_yet)}</p>"


def run_choices(listed: Sequence[Run]) -> list[tuple[str, str]]:
    return [(f"{run.name} · {run.objective} · {run.id[-4:]}", run.id) for run in listed]


def status(run: Run, metrics: Sequence[Report]) -> str:
    """Where a run stands, in Markdown."""
    does = (run.state == RUNNING and run.stage) or getattr(SAID, f"state_{run.state}")
    if run.stopping:
        does = SAID("stopping_stage", stage=does)
    lines = [f"**{as_text(run.name)}**: {does}"]
    if run.reason:
        lines.append(as_text(run.reason))
    lines.append(times(run))
    last: Mapping[str, Any] = next((row for row in reversed(metrics) if "loss" in row), {})
    if last:
        rate, pace, memory = (last.get(name, 0) for name in ("learning_rate", "examples_per_second", "memory_mb"))
        lines.append(SAID("at_step", step=run.step, loss=last["loss"], rate=rate, pace=pace, memory=memory))
    lines.append(as_text(result(run, metrics)) if metrics else "")
    if run.base != EMBEDDED:
        lines.append(SAID("started_from", base=as_text(run.base)))
    return "  \n".join(line for line in lines if line)


def times(run: Run) -> str:
    """Time gone, time left, and the last sign of life; "" of a run that never wrote any."""
    if run.seconds is None or run.sign_of_life is None:
        return ""
    silent = max(0.0, time.time() - run.sign_of_life)
    gone, ago = duration(run.seconds), duration(silent)
    if run.state in (FINISHED, CANCELLED):
        return SAID("ended", gone=gone, ago=ago)
    if run.state != RUNNING:
        return SAID("broke_off", gone=gone, ago=ago, stage=run.stage)
    if silent >= STALLED_AFTER:
        return SAID("stuck", gone=gone, ago=ago)
    known = run.seconds_left is not None
    left = SAID("left", time=duration(run.seconds_left or 0.0)) if known else SAID.left_unknown
    return SAID("goes_on", gone=gone, left=left, ago=ago)


def duration(seconds: float) -> str:
    """As "45 s", "3 min" or "2 h 5 min"."""
    if seconds < 60:
        return SAID("seconds", number=seconds)
    minutes = round(seconds / 60)
    if minutes < 60:
        return SAID("minutes", number=minutes)
    return SAID("hours", hours=minutes // 60, minutes=minutes % 60)


def result(run: Run, metrics: Sequence[Report]) -> str:
    """The objective's own metric, before and now, and on how many examples; "" where it was not measured."""
    objective = find_objective(run.objective)
    name = objective.metric if objective else ""
    measured = [row[name] for row in metrics if name in row]
    if not measured:
        return ""
    change = SAID("change", metric=name, before=measured[0], after=measured[-1])
    return f"{change} {SAID('on_held_out', number=run.held_out)}" if run.held_out else change


def curves_of(compared: Mapping[str, tuple[Run, Sequence[Report]]]) -> str:
    """Curves by the name of the run, as HTML. Losses of different objectives do not compare: each has a drawing of its own."""
    objectives = dict.fromkeys(run.objective for run, _ in compared.values())
    drawn = []
    for objective in objectives:
        own = {name: one for name, one in compared.items() if one[0].objective == objective}
        reported = {name: metrics for name, (_, metrics) in own.items()}
        names = dict.fromkeys(metric for run, metrics in own.values() for metric in task_metrics(run, metrics))
        drawn.append(curves.drawing(reported, list(names)[:3]))
    return drawings(*drawn, heading=SAID.curves)


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
    return "\n".join([SAID.differs, *lines])


def predictions(found: Mapping[str, Any], objective: str, pictures: Sequence[Example] = ()) -> str:
    """The table of held-out examples with what was predicted before and after, as HTML; "" where nothing was. `found` is what
    `RunFolder.predictions` gives; `pictures` are the same examples with whole paths, where their pictures are to be shown."""
    examples = [described(Example(**one), objective) for one in found.get("examples", [])]
    before, after = (_texts(found.get(when), len(examples)) for when in ("before", "after"))
    rows = [
        [str(number), *map(html.escape, words)]
        for number, words in enumerate(zip(examples, before, after, strict=True), 1)
    ]
    header = [SAID.number, SAID.correct, SAID.before, SAID.after]
    if pictures:
        header[0] = SAID.picture
        for row, example, words in zip(rows, pictures, examples, strict=False):
            row[0] = thumbnail(example.image, words)
    return table(SAID("predicted", number=len(rows)), header, rows)


def _texts(found: Any, count: int) -> list[str]:
    texts = [str(text) for text in found] if isinstance(found, list) else []
    return [*texts, *[""] * count][:count]
