# SPDX-License-Identifier: Apache-2.0

"""What all figures share: size, colours that the colour-blind tell apart, and labels that cannot break them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito's palette.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000",
)  # fmt: skip


def new_figure(width: float = 7.0, height: float = 4.0) -> Figure:
    """In inches, on white whatever the page's theme, so that black text stays readable."""
    return Figure(figsize=(width, height), facecolor="white", layout="constrained")


def plain(text: str, length: int = 40) -> str:
    """Short, on one line, and without the dollar signs that matplotlib would read as mathematics."""
    text = " ".join(text.split())
    short = text if len(text) <= length else text[: length - 1] + "…"
    return "".join(c if c.isprintable() else "�" for c in short).replace("\\", "\\\\").replace("$", r"\$")


def horizontal_bars(
    axes: Axes, names: list[str], values: list[float], colour: str, title: str, digits: int = 3
) -> None:
    """Bars from the top down, each with its value written beside it."""
    places = range(len(names))
    axes.barh(places, values, color=colour, edgecolor="black", linewidth=0.5)
    axes.set_yticks(places, names, fontsize=10)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    span = max((abs(value) for value in values), default=0) or 1
    low = min(0, *values) if values else 0
    axes.set_xlim(low * 1.3, span * 1.3)
    for place, value in zip(places, values, strict=True):
        axes.text(max(value, 0) + span * 0.02, place, f"{value:.{digits}f}", va="center", fontsize=9)
