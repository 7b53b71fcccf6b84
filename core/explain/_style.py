# SPDX-License-Identifier: Apache-2.0

"""What all drawings share: their width, the size of their type, colours that the colour-blind tell apart, and labels that
cannot break them."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from functools import cache

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

# Okabe & Ito's palette, its black replaced by the grey that is legible on white and on black. Black is the ink of a drawing:
# `Drawing.svg` gives it the colour of the page's text. What must stay dark on any page, as a figure on a light cell, is DARK.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#999999",
)  # fmt: skip
INK, DARK, LIGHT = "#000000", "#111111", "#ffffff"

WIDTH = 4.8  # inches: on a telephone, 358 px wide, a point is 1.04 px
TYPE = 12  # points, the smallest type
LINE, ASCENT = 0.22, 0.15  # inches from one line of type to the next, and from its top to its baseline
KEPT = "\u200c\u200d"  # invisible, but they join letters and emoji

rcParams.update(  # once for the process, which draws nothing else: rc_context would not be safe among threads
    {
        **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"), TYPE),
        "legend.fontsize": TYPE,
        "text.parse_math": False,  # a dollar sign is what was typed
        "svg.fonttype": "none",  # texts stay texts
        "svg.hashsalt": "vlm-lab",  # the same drawing has the same ids
    }
)


def new_figure(height: float) -> Figure:
    """WIDTH by `height` inches, on white, which `Drawing.svg` takes away."""
    return Figure(figsize=(WIDTH, height), facecolor="white")


def add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the figure's upper left corner."""
    tall = figure.get_figheight()
    return figure.add_axes((left / WIDTH, 1 - (top + height) / tall, width / WIDTH, height / tall))


def write(figure: Figure, left: float, top: float, text: str, bold: bool = False) -> None:
    """Lines of text whose upper left corner is at a place in inches from the figure's."""
    for number, line in enumerate(text.split("\n")):  # by their baselines: the tops of words differ
        place = 1 - (top + ASCENT + LINE * number) / figure.get_figheight()
        figure.text(left / WIDTH, place, line, weight="bold" if bold else "normal")


def plain(text: str, length: int = 40) -> str:
    """Short, on one line, and without characters that show nothing or turn what follows around."""
    text = " ".join(text.split())
    short = text if len(text) <= length else text[: length - 1] + "…"
    return "".join(c if c.isprintable() or c in KEPT else "�" for c in short)


def width(text: str) -> float:
    """In inches, at TYPE in matplotlib's own font, which is wider than most that a page has."""
    narrow = "".join(c for c in text if unicodedata.east_asian_width(c) not in "WF")  # it lacks the others
    points, _, _ = text_to_path.get_text_width_height_descent(narrow, _font(), ismath=False)
    return float(points + TYPE * (len(text) - len(narrow))) / 72


def fitted(text: str, inches: float) -> str:
    """`plain`, cut to this width."""
    text = plain(text, 120)
    if width(text) <= inches:
        return text
    most = bisect_right(range(len(text)), inches, key=lambda kept: width(text[:kept] + "…")) - 1
    return text[: max(most, 0)].rstrip() + "…"


def folded(text: str, inches: float, lines: int) -> str:
    """`plain`, in lines of this width, this many at most."""
    found = [""]
    for word in plain(text, 60 * lines).split(" "):
        longer = f"{found[-1]} {word}".strip()
        if found[-1] and width(longer) > inches:
            found.append(word)
        else:
            found[-1] = longer
    found = [*found[: lines - 1], " ".join(found[lines - 1 :])]
    return "\n".join(fitted(line, inches) for line in found if line)


def heading(text: str, lines: int = 3) -> str:
    """`folded` to a drawing's width in bold."""
    return folded(text, WIDTH / 1.15, lines)


@cache
def _font() -> FontProperties:
    return FontProperties(size=TYPE)
