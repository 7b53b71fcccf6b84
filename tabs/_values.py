# SPDX-License-Identifier: Apache-2.0

"""What a handler was given, checked, and what it says, made safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
from matplotlib.figure import Figure

from core.errors import UserError
from core.explain.drawing import Drawing

MARKUP = re.compile(r"([!-/:-@\[-`{-~])")  # what may mean something to Markdown


def needed(image: PIL.Image.Image | None) -> PIL.Image.Image:
    """Raises UserError where there is no picture."""
    if image is None:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    return image


def whole(number: float, name: str) -> int:
    """What a slider in whole steps gave, which a program may have sent as anything."""
    if not float(number).is_integer():
        raise UserError(f"{name} must be a whole number.")
    return int(number)


def titles(files: Sequence[str]) -> list[str]:
    """What uploaded files are called."""
    return [Path(file.replace("\\", "/")).name for file in files]


def as_text(name: str) -> str:
    """A name inside Markdown, none of which is taken for markup: no picture is fetched, no tag made."""
    return MARKUP.sub(r"\\\1", " ".join(name.split()))


def lines(*notes: str) -> str:
    """The notes that there are, as paragraphs of Markdown."""
    return "\n\n".join(note for note in notes if note)


def figure_of(drawing: Drawing | None) -> Figure | None:
    """The value of a gr.Plot: nothing where nothing is to be drawn."""
    return drawing.figure if drawing else None


def rows(header: Sequence[str], data: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The value of a gr.Dataframe."""
    return {"headers": list(header), "data": list(data)}
