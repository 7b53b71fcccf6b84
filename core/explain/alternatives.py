# SPDX-License-Identifier: Apache-2.0

"""Captions of one picture by several methods: how similar each is to the picture, by one measure, and what each method
weighed against its answer, by its own."""

from __future__ import annotations

from collections.abc import Sequence

from core.explain._bars import Panel, bar_figure
from core.explain._style import BLUE, SKY, plain
from core.explain._words import number, quoted
from core.explain.drawing import Drawing
from core.results import Captioned

MEASURE = "similarity of picture and caption by the built-in model, 0 to 1"
UNITS = {"ASIF": "how far the best captions of the bank agree with each, 0 to 1"}
OWN = "its own confidence in each, 0 to 1"  # of a captioner


def drawing(found: Sequence[Captioned]) -> Drawing | None:
    """Above, all methods on the one axis that they share; below, a panel for each that weighed several captions, in a unit
    of its own. None for no captions."""
    if not found:
        return None
    names = [plain(f"{one.method}: {one.caption}", 90) for one in found]
    shared = Panel(MEASURE, names, [one.similarity for one in found], BLUE, 1, lines=2)
    own = [
        Panel(
            f"{plain(one.method)}: {UNITS.get(one.method, OWN)}",
            [plain(caption, 60) for caption in one.captions],
            list(one.captions.values()),
            SKY,
            1,
            "//",
        )
        for one in found
        if len(one.captions) > 1
    ]
    return Drawing(bar_figure([shared, *own]), _finding(found))


def _finding(found: Sequence[Captioned]) -> str:
    first, *others = sorted(found, key=lambda one: -one.similarity)
    said = (
        f"{plain(first.method)} wrote {quoted(first.caption)}, similarity with the picture {number(first.similarity)}"
    )
    if not others:
        return said + "."
    rest = ", ".join(f"{plain(one.method)} {number(one.similarity)}" for one in others)
    return f"Of {len(found)} methods, the caption by {plain(first.method)} is the most similar to the picture by the built-in model: {quoted(first.caption)}, {number(first.similarity)}; then {rest}."
