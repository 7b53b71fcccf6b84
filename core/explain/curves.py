# SPDX-License-Identifier: Apache-2.0

"""Runs over each other: how the loss falls and the task's own measures rise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from core.explain import _style
from core.explain._style import INK, LINE, WIDTH, add_axes, heading, new_figure, plain, write
from core.explain._words import number
from core.explain.drawing import Drawing

COLOURS = (_style.BLUE, _style.VERMILION, _style.GREEN, _style.ORANGE, _style.PURPLE, _style.SKY)
LINES = tuple(zip(COLOURS, "os^DvP", strict=True))  # colour and mark of each run
LEFT, TALL, FOOT = 0.68, 1.7, 0.3  # inches: room for the values, a panel, room for the steps
RUNS_SAID = 3
Report = Mapping[str, Any]
LOSS = "loss: training (thin) and held-out (marks)"


def drawing(runs: Mapping[str, Sequence[Report]], metrics: Sequence[str]) -> Drawing | None:
    """`runs` maps a run's name to its reports (rows with a "step", and "loss", "eval_loss" or measures of the task);
    `metrics` are the task's to draw, a panel each. Training loss is a thin line, held-out loss has marks. None while
    nothing is reported."""
    quantities = [name for name in ("eval_loss", *metrics) if _reported(runs, name) or name == "eval_loss"]
    if not any(_reported(runs, name) for name in ("loss", *quantities)):
        return None
    head = LINE + 0.1
    figure = new_figure((head + TALL + FOOT) * len(quantities) + 0.3 + (LINE + 0.06) * len(runs))
    top = 0.0
    for name in quantities:
        write(figure, 0.04, top, LOSS if name == "eval_loss" else heading(f"{name}, held-out part", 1), bold=True)
        axes = add_axes(figure, LEFT, top + head, WIDTH - LEFT - 0.15, TALL)
        _draw(axes, runs, name)
        top += head + TALL + FOOT
    axes.set_xlabel("steps")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower left", frameon=False, borderaxespad=0.2)
    return Drawing(figure, _finding(runs, quantities))


def _draw(axes: Axes, runs: Mapping[str, Sequence[Report]], name: str) -> None:
    for place, (run, reports) in enumerate(runs.items()):
        colour, mark = LINES[place % len(LINES)]
        size = max(10 - 2 * place, 5)  # where runs agree, the marks of all are seen
        if name == "eval_loss":
            axes.plot(*_line(reports, "loss"), color=colour, linewidth=1)
        axes.plot(
            *_line(reports, name), color=colour, marker=mark, markersize=size, markeredgecolor=INK, label=plain(run, 36)
        )
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=5)


def _reported(runs: Mapping[str, Sequence[Report]], name: str) -> bool:
    return any(name in row for reports in runs.values() for row in reports)


def _line(reports: Sequence[Report], name: str) -> tuple[list[float], list[float]]:
    rows = [row for row in reports if name in row]
    return [row["step"] for row in rows], [row[name] for row in rows]


def _finding(runs: Mapping[str, Sequence[Report]], quantities: Sequence[str]) -> str:
    said = []
    for run, reports in list(runs.items())[:RUNS_SAID]:
        changes = [_change(reports, name, "held-out loss" if name == "eval_loss" else name) for name in quantities]
        if told := [change for change in changes if change]:
            said.append(f"{plain(run)}: {', '.join(told)}.")
    left = len(runs) - RUNS_SAID
    return (
        " ".join([*said, f"And {left} more run{'s' if left > 1 else ''}." if left > 0 else ""]).strip()
        or "Only training losses are reported so far."
    )


def _change(reports: Sequence[Report], name: str, called: str) -> str:
    steps, values = _line(reports, name)
    if not values:
        return ""
    if len(values) == 1:
        return f"{plain(called)} {number(values[0])} at step {steps[0]}"
    return f"{plain(called)} from {number(values[0])} to {number(values[-1])} at step {steps[-1]}"
