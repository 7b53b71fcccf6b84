# SPDX-License-Identifier: Apache-2.0

"""How a caption is asked for again with something hidden."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import PIL.Image

from core.errors import UserError
from core.models.family import EMBEDDED
from core.results import Change
from core.tasks import picture_scores, what_if
from core.tasks.occlusion import Score
from tabs._lab import Lab
from tabs._texts import texts
from tabs._what_if import Question, of_picture

SAID = texts("caption")
METHODS = {"asif": "ASIF", "magic": "MaGiC"}


def question(inputs: Sequence[Any]) -> Question:
    """`inputs` are the method and the captions that ASIF and MaGiC gave."""
    return Question(inputs, change, of_picture(shown_caption), words=False, anchors=True)


def change(
    lab: Lab, image: PIL.Image.Image | None, without: what_if.Without, inputs: Sequence[Any], stop: threading.Event
) -> Change:
    method, *_ = inputs
    return what_if.caption(lab.models, METHODS.get(method, "ASIF"), image, without, stop=stop)


def shown_caption(
    lab: Lab, image: PIL.Image.Image, method: str, chosen: str, written: str, stop: threading.Event
) -> tuple[Score, str]:
    """The similarity of the caption that is shown with the picture, by the built-in model."""
    caption = written if method == "magic" else chosen
    if not caption:
        raise UserError(SAID.no_caption)
    return picture_scores.of_caption(lab.models, EMBEDDED, caption, stop), SAID("score_of", caption=caption)
