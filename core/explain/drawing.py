# SPDX-License-Identifier: Apache-2.0

"""A picture of what decided an answer, and what it shows in words."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """`finding` says in one or two plain sentences what the figure shows, with its figures: whoever cannot see it reads
    that instead."""

    figure: Figure
    finding: str
