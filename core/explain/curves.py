# SPDX-License-Identifier: Apache-2.0

"""Runs over each other: how the loss falls and the task's own figure rises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from core.explain._style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, new_figure, plain

LINE_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
Report = Mapping[str, Any]


def figure(runs: Mapping[str, Sequence[Report]], metrics: Sequence[str]) -> Figure:
    """`runs` maps a run's name to its reports (rows with a "step", and "loss", "eval_loss" or figures of the task);
    `metrics` are the task's figures to draw. Training loss is a thin line, held-out loss has marks."""
    fig = new_figure(7, 2.6 * (1 + bool(metrics)))
    panels = fig.subplots(1 + bool(metrics), 1, squeeze=False, sharex=True)[:, 0]
    for number, (name, reports) in enumerate(runs.items()):
        colour, label = LINE_COLOURS[number % len(LINE_COLOURS)], plain(name, 30)
        panels[0].plot(*_line(reports, "loss"), color=colour, linewidth=1, alpha=0.6)
        panels[0].plot(*_line(reports, "eval_loss"), color=colour, marker="o", markersize=4, label=label)
        for style, metric in zip(("-", "--", ":", "-."), metrics, strict=False):
            panels[-1].plot(
                *_line(reports, metric),
                style,
                color=colour,
                marker="o",
                markersize=4,
                label=f"{label}: {plain(metric)}",
            )
    panels[0].set_title("loss: training (thin) and held-out (marks)", fontsize=11, loc="left")
    if metrics:
        panels[-1].set_title("on the held-out part", fontsize=11, loc="left")
    panels[-1].set_xlabel("updates")
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=9)
    return fig


def _line(reports: Sequence[Report], name: str) -> tuple[list[float], list[float]]:
    rows = [row for row in reports if name in row]
    return [row["step"] for row in rows], [row[name] for row in rows]
