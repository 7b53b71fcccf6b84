# SPDX-License-Identifier: Apache-2.0

"""Panels of bars below each other, each bar with its name and its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core.explain._style import GREY, INK, LINE, WIDTH, add_axes, folded, heading, new_figure, width, write
from core.explain._words import number

MARGIN = 0.04  # inches
ROOM = 0.62  # inches right of the longest bar, for its value
BESIDE = 1.7  # inches: names up to this width stand beside their bars, longer ones above them
PITCH = 0.28  # inches from bar to bar, with the names beside them
BAR = 0.25  # inches of a bar under its name and what is below it
SPACE = 0.08  # inches between a bar and words
GAP = 0.14  # inches between panels


class Panel(NamedTuple):
    """`limit` is the value of the longest bar possible, 1 for a probability; where there is none, the largest is. A name
    that does not fit beside its bar stands above it, in `lines` at most."""

    title: str
    names: Sequence[str]
    values: Sequence[float]
    colour: str
    limit: float | None = None
    hatch: str = ""  # so that two kinds of bar are told apart without their colours
    lines: int = 1

    @property
    def above(self) -> bool:
        return any(width(name) > BESIDE for name in self.names)

    @property
    def pitch(self) -> float:
        """Inches from bar to bar."""
        return BAR + LINE * self.lines if self.above else PITCH

    @property
    def left(self) -> float:
        """Inches left of the bars, for the names beside them."""
        return MARGIN + (0 if self.above else max(map(width, self.names), default=0) + SPACE)


def bar_figure(panels: Sequence[Panel]) -> Figure:
    titles = [heading(panel.title) for panel in panels]
    heads = [LINE * (1 + title.count("\n")) + 0.06 for title in titles]
    bodies = [panel.pitch * max(len(panel.names), 0.1) for panel in panels]
    figure = new_figure(2 * MARGIN + sum(heads) + sum(bodies) + GAP * (len(panels) - 1))
    top = MARGIN
    for panel, title, head, body in zip(panels, titles, heads, bodies, strict=True):
        write(figure, MARGIN, top, title, bold=True)
        axes = add_axes(figure, panel.left, top + head, WIDTH - panel.left, body)
        axes.axis("off")
        if panel.names:
            _draw(axes, panel)
        top += head + body + GAP
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    count, room = len(panel.values), WIDTH - panel.left
    low, most = min(0, *panel.values), max(0, *panel.values)
    high = panel.limit or most or (0 if low else 1)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xlim(low, high + (high - low) * ROOM / (room - ROOM))
    thick = (BAR - SPACE) / panel.pitch if panel.above else 0.7
    places = [place + (0.5 - thick / 2 - 0.5 * SPACE / panel.pitch if panel.above else 0) for place in range(count)]
    if panel.limit:
        axes.barh(places, [panel.limit] * count, thick, color="none", edgecolor=GREY, linewidth=0.6)
    axes.barh(places, panel.values, thick, color=panel.colour, edgecolor=INK, linewidth=0.8, hatch=panel.hatch)
    for place, name, value in zip(places, panel.names, panel.values, strict=True):
        axes.plot([0, 0], [place - 0.6 * thick, place + 0.6 * thick], color=INK, linewidth=1.2, clip_on=False)
        end = (panel.limit or max(value, 0)) + SPACE * (high - low) / (room - ROOM)
        axes.text(end, place, number(value), va="center_baseline")
        _name(axes, panel, name, place, room, thick)


def _name(axes: Axes, panel: Panel, name: str, place: float, room: float, thick: float) -> None:
    at_the_left = axes.get_yaxis_transform()
    if not panel.above:
        axes.text(-SPACE / room, place, name, transform=at_the_left, va="center_baseline", ha="right")
        return
    lines = folded(name, room - MARGIN, panel.lines).split("\n")
    for below, line in enumerate(reversed(lines)):
        above = place - thick / 2 - (0.07 + LINE * below) / panel.pitch
        axes.text(0, above, line, transform=at_the_left, va="baseline")
