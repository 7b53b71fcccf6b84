# SPDX-License-Identifier: Apache-2.0

"""How a question is asked again with something hidden."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import PIL.Image

from core.results import Change
from core.tasks import picture_scores, vqa, what_if
from core.tasks.occlusion import Score
from tabs._lab import Lab
from tabs._texts import texts
from tabs._what_if import Question, of_picture

SAID = texts("ask")


def question(inputs: Sequence[Any]) -> Question:
    """`inputs` are the question and the model."""
    return Question(inputs, change, of_picture(first_answer), slow=True)


def change(
    lab: Lab, image: PIL.Image.Image | None, without: what_if.Without, inputs: Sequence[Any], stop: threading.Event
) -> Change:
    asked, model = inputs
    return what_if.question(lab.models, model, image, vqa.parse_questions(asked)[0], without, stop)


def first_answer(lab: Lab, image: PIL.Image.Image, asked: str, model: str, stop: threading.Event) -> tuple[Score, str]:
    """The confidence of the answer to the first question."""
    first = vqa.parse_questions(asked)[0]
    (found,) = vqa.answer(lab.models, model, image, [first], stop)
    answer = next(iter(found.confidences))
    return picture_scores.of_answer(lab.models, model, first, answer, stop), SAID("score_of", answer=answer)
