# SPDX-License-Identifier: Apache-2.0

"""Captions of one picture by several methods: what each weighed against its answer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from core.explain._style import BLUE, horizontal_bars, new_figure, plain
from core.results import Captioned


def figure(found: Sequence[Captioned]) -> Figure:
    """A panel of bars for each method, its answer on top."""
    sizes = [len(one.captions) for one in found]
    fig = new_figure(7, sum(0.8 + 0.3 * size for size in sizes))
    panels = fig.subplots(len(found), 1, squeeze=False, height_ratios=[0.6 + size for size in sizes])
    for one, (axes,) in zip(found, panels, strict=True):
        names = [plain(caption, 60) for caption in one.captions]
        horizontal_bars(axes, names, list(one.captions.values()), BLUE, plain(one.method))
    return fig
