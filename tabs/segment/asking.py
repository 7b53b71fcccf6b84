# SPDX-License-Identifier: Apache-2.0

"""How masks are asked for again with something hidden."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import PIL.Image

from core.results import Change
from core.tasks import picture_scores, segmentation, what_if
from core.tasks.occlusion import Score
from tabs._lab import Lab
from tabs._texts import texts
from tabs._what_if import Question, of_picture

SAID = texts("segment")


def question(inputs: Sequence[Any]) -> Question:
    """`inputs` are the prompts, the threshold and the model."""
    return Question(inputs, change, of_picture(first_prompt), slow=True)


def change(
    lab: Lab, image: PIL.Image.Image | None, without: what_if.Without, inputs: Sequence[Any], stop: threading.Event
) -> Change:
    prompts, threshold, model = inputs
    names = segmentation.parse_prompts(prompts)
    return what_if.masks(lab.models, model, image, names, without, float(threshold), stop)


def first_prompt(
    lab: Lab, image: PIL.Image.Image, prompts: str, threshold: float, model: str, stop: threading.Event
) -> tuple[Score, str]:
    """The mean probability of the first prompt."""
    prompt = segmentation.parse_prompts(prompts)[0]
    return picture_scores.of_prompt(lab.models, model, prompt, stop), SAID("score_of", prompt=prompt)
