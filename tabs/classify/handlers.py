# SPDX-License-Identifier: Apache-2.0

"""What the events of the classification tab do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core.assets import EXAMPLES_FOLDER
from core.data.export import csv_text
from core.errors import UserError
from core.explain import anchors, matrix, scores
from core.explain.drawing import Drawing
from core.models.abilities import AnchoredEncoder
from core.models.family import EMBEDDED
from core.results import Classification
from core.tasks import zero_shot
from tabs._downloads import write_file
from tabs._jobs import downloaded, stepper, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import bars, drawings, listed, trust
from tabs._texts import texts
from tabs._trust import line
from tabs._values import as_text, lines, needed, titles
from web.inputs import file_name

SAID = texts("classify")
MAX_PICTURES = 64
PETS = "cat, dog, horse, bird"
TWO_PETS = ("kitten-yarn-ball.jpg", "dog-german-shepherd.jpg")
HEADER = ["label", "score", "cosine", "logit", "picture"]
BEST_SHOWN = 10
PUBLIC = ("answer", "note", "table", "download", "code")  # what programs get


class Outputs(NamedTuple):
    shown: Any
    note: Any
    answer: Any  # the labels with their scores, for programs
    table: Any
    numbers: Any
    download: Any
    why: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def classify(
    lab: Lab,
    image: PIL.Image.Image | None,
    labels: str,
    template: str = zero_shot.TEMPLATE,
    scoring: str = "softmax",
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Outputs]:
    """Score one picture against labels it may show. Labels are separated by commas or line breaks;
    the template says how a label becomes a sentence; scoring is softmax, independent or cosine."""
    image = needed(image)
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    yield from downloaded(lab, model, progress, _noted)
    result = zero_shot.classify(lab.models, model, [image], names, templates, scoring, stepper(progress, SAID.encoding))
    ranked = sorted(zip(result.labels, result.scores[0], strict=True), key=lambda row: -row[1])
    none = SAID.none_of_these if any(result.none_of_these) else ""
    why = drawings(_anchors(lab, model, image, result, templates), scores.drawing(result))
    yield only(
        Outputs,
        shown=bars(ranked[:BEST_SHOWN], result.calibrated, none) + _trust(lab, model, result, bool(none)),
        note=lines(*result.notes),
        answer=dict(zip(result.labels, result.scores[0], strict=True)),
        why=why,
        **_details(result, [file_name(image)]),
        code=zero_shot.program(lab.models, model, [file_name(image)], names, templates, scoring),
    )


def classify_many(
    lab: Lab,
    files: list[str] | None,
    labels: str,
    template: str = zero_shot.TEMPLATE,
    scoring: str = "softmax",
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Score several picture files against labels; the table and the heat map have a row for each."""
    if not files:
        raise UserError(SAID.no_pictures)
    if len(files) > MAX_PICTURES:
        raise UserError(SAID("too_many", number=len(files), most=MAX_PICTURES))
    names, templates = zero_shot.parse_labels(labels), zero_shot.parse_templates(template)
    yield from downloaded(lab, model, progress, _noted)
    result = yield from stoppable(
        partial(zero_shot.classify, lab.models, model, files, names, templates, scoring),
        SAID.encoding_many,
        progress,
        _noted,
    )
    called = titles(files)
    notes = [f"{as_text(name)}: {note}" for name, note in zip(called, result.notes, strict=True) if note]
    notes += [
        f"{as_text(name)}: {SAID.none_of_these}"
        for name, none in zip(called, result.none_of_these, strict=True)
        if none
    ]
    yield only(
        Outputs,
        shown=trust(SAID("matrix", number=len(called), labels=len(result.labels)), _trust(lab, model, result)),
        note=lines(*notes),
        answer=None,
        why=drawings(matrix.drawing(result, called), matrix.drawing(result, called, before=True)),
        **_details(result, called),
        code=zero_shot.program(lab.models, model, called, names, templates, scoring),
    )


def two_pets() -> tuple[list[str], str]:
    """Two pictures and labels for them."""
    return [str(EXAMPLES_FOLDER / file) for file in TWO_PETS], PETS


def _trust(lab: Lab, model: str, result: Classification, none: bool = False) -> str:
    """What the scores are worth, as HTML."""
    if result.own_labels:
        return trust(SAID.own_labels)
    if none:
        return line(lab, model, "presence.none_caught shipped")
    if result.scoring != "independent":
        return line(lab, model, "choice.top1")
    if result.calibrated:
        return line(lab, model, "presence.ECE")
    if result.sigmoid:
        return trust(SAID.independent_never_measured)
    return trust(SAID("independent_uncalibrated", neutral=zero_shot.NEUTRAL))


def _details(result: Classification, called: Sequence[str]) -> dict[str, Any]:
    """The table and its file, a row for each picture and label, and the panel that they are in."""
    data = [
        [label, round(score, 5), None if result.own_labels else round(cosine, 5), round(logit, 4), title]
        for title, *columns in zip(called, result.scores, result.similarities, result.logits, strict=True)
        for label, score, cosine, logit in zip(result.labels, *columns, strict=True)
    ]
    return {
        **listed(HEADER, data),
        "download": write_file("zero-shot.csv", csv_text(HEADER, data)),
        "details": gr.Column(visible=True),
    }


def _anchors(
    lab: Lab, model: str, image: PIL.Image.Image, result: Classification, templates: list[str]
) -> Drawing | None:
    """For a model with anchors: those behind the best label's similarity."""
    if not issubclass(lab.models.catalog.adapter(model), AnchoredEncoder):
        return None
    best = max(range(len(result.labels)), key=lambda i: result.similarities[0][i])
    picture = lab.models.embed_images(model, [image])[0]
    label = zero_shot.label_vectors(lab.models, model, [result.labels[best]], templates)[0]
    return anchors.drawing(picture, label, lab.models.detail(model, "anchor_names"), result.labels[best])
