# SPDX-License-Identifier: Apache-2.0

"""How classification is asked again with something hidden."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import PIL.Image

from core.results import Change
from core.tasks import picture_scores, what_if, zero_shot
from core.tasks.occlusion import Score
from tabs._lab import Lab
from tabs._texts import texts
from tabs._what_if import Question, of_picture

SAID = texts("classify")


def question(inputs: Sequence[Any]) -> Question:
    """`inputs` are the labels, the template, the scoring and the model."""
    return Question(inputs, change, of_picture(best_label), anchors=True)


def change(
    lab: Lab, image: PIL.Image.Image | None, without: what_if.Without, inputs: Sequence[Any], stop: threading.Event
) -> Change:
    labels, template, scoring, model = inputs
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    return what_if.classification(lab.models, model, image, names, without, templates, scoring, stop)


def best_label(
    lab: Lab, image: PIL.Image.Image, labels: str, template: str, scoring: str, model: str, stop: threading.Event
) -> tuple[Score, str]:
    """The cosine of the best label."""
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    found = zero_shot.classify(lab.models, model, [image], names, templates, "softmax", None, stop)
    best = max(zip(found.labels, found.scores[0], strict=True), key=lambda row: row[1])[0]
    score = picture_scores.of_label(lab.models, model, names, best, templates, "cosine", stop)
    return score, SAID("score_of", label=best)
