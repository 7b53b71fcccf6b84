# SPDX-License-Identifier: Apache-2.0

"""What the events of the question tab do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.data.export import csv_text
from core.explain import attribution
from core.explain.drawing import Drawing
from core.models.family import EMBEDDED
from core.models.trust import figure_of
from core.results import Answers
from core.tasks import vqa
from tabs._downloads import write_file
from tabs._jobs import downloaded
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import bars, drawings, listed, trust
from tabs._texts import texts
from tabs._trust import calibrated, line
from tabs._values import lines, needed
from web.inputs import file_name

SAID = texts("ask")
HEADER = ["question", "answer", "confidence"]
COUNTING = "vqa.counting"
ALIKE = 0.5  # correlation from which the map of shuffled weights is too much like the model's own
PUBLIC = ("answer", "note", "table", "download", "code")  # what programs get


class Outputs(NamedTuple):
    shown: Any
    note: Any
    answer: Any  # for programs: the likeliest answers to the first question with their confidences
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


def answer_question(
    lab: Lab,
    image: PIL.Image.Image | None,
    question: str,
    model: str = EMBEDDED,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Outputs]:
    """Answer a question about a picture, or several, one a line. Gives the five likeliest answers to the first with
    their confidences in 0..1, and a table of all."""
    questions, image = vqa.parse_questions(question), needed(image)
    yield from downloaded(lab, model, progress, _noted)
    progress(0.1, desc=SAID.encoding)
    found = vqa.answer(lab.models, model, image, questions)
    progress(0.7, desc=SAID.attributing)
    data = [[one.question, text, round(confidence, 4)] for one in found for text, confidence in one.confidences.items()]
    drawing, check = _attribution(lab, model, image, questions[0])
    yield only(
        Outputs,
        shown=_shown(lab, model, found[0]),
        note=lines(images.note(image)),
        answer=found[0].confidences,
        **listed(HEADER, data),
        download=write_file("answers.csv", csv_text(HEADER, data)),
        why=drawings(drawing) + trust(check),
        code=vqa.program(lab.models, model, file_name(image), questions[0]),
        details=gr.Column(visible=True),
    )


def _shown(lab: Lab, model: str, found: Answers) -> str:
    """The answer and its line of trust, as HTML; a count by the built-in model as a rough one."""
    figure, rows = figure_of(found.question), list(found.confidences.items())
    if figure != COUNTING or model != EMBEDDED:
        return bars(rows, calibrated(lab, model, figure)) + line(lab, model, figure) + trust(found.hint)
    rough = SAID("rough_count", words=vqa.roughly(rows[0][0]), number=rows[0][0])
    return bars(rows, percent=False, headline=rough) + line(lab, model, f"{COUNTING}.roughly", COUNTING)


def _attribution(lab: Lab, model: str, image: PIL.Image.Image, question: str) -> tuple[Drawing | None, str]:
    """The drawing, and what its check says in words."""
    found = vqa.attribution(lab.models, model, image, question)
    if found is None:
        return None, SAID.no_attribution
    if not found.words:
        return None, SAID.no_word
    shuffled = vqa.attribution(lab.models, model, image, question, shuffled=True)
    assert shuffled is not None
    alike = attribution.correlation(found, shuffled)
    verdict = SAID.depends_on_weights if alike < ALIKE else SAID.with_care
    return attribution.drawing(image, found, shuffled), SAID("correlation", value=alike, verdict=verdict)
