# SPDX-License-Identifier: Apache-2.0

"""What the events of the segmentation tab do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.errors import UserError
from core.explain import masks as drawing
from core.models.family import EMBEDDED
from core.results import Segmentation
from core.tasks import segmentation
from tabs._jobs import downloaded
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import drawings
from tabs._texts import texts
from tabs._trust import line
from tabs._values import needed
from tabs.segment.painting import paint
from web.inputs import file_name

SAID = texts("segment")
PUBLIC = ("painted", "answer", "note", "table", "download", "coco", "code")  # what programs get


class Outputs(NamedTuple):
    shown: Any
    note: Any
    answer: Any  # for programs: label, coverage, box and mask of each prompt
    painted: Any
    table: Any
    numbers: Any
    download: Any
    coco: Any
    why: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any
    last: Any
    target: Any


@dataclass(frozen=True)
class Last:
    """A visit's last result, which is redrawn and refined. `picture` is as large as it is shown; `points` are the clicks
    (x, y, on the object?) on the mask of `clicked`, in the pixels of the uploaded file, as all coordinates are."""

    picture: PIL.Image.Image
    result: Segmentation
    name: str
    trust: str = ""  # as HTML
    anyway: bool = False  # whether also what is probably absent is painted
    clicked: str = ""
    points: tuple[tuple[float, float, bool], ...] = ()


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def segment(
    lab: Lab,
    image: PIL.Image.Image | None,
    prompts: str,
    threshold: float = segmentation.DEFAULT_THRESHOLD,
    model: str = EMBEDDED,
    exclusive: bool = True,
    anyway: bool = False,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Outputs]:
    """Find in a picture what each prompt names. Prompts are separated by commas or line breaks; if exclusive, each pixel
    goes to its likeliest prompt, so that masks do not overlap; what is probably not in the picture is painted if anyway. Gives the painted picture and for each prompt its label,
    coverage (0..1), box [x0, y0, x1, y1] in pixels, and mask (a PNG file)."""
    names, image = segmentation.parse_prompts(prompts), needed(image)
    yield from downloaded(lab, model, progress, _noted)
    progress(0.1, desc=SAID.encoding)
    result = segmentation.segment(lab.models, model, image, names)
    program = segmentation.program(lab.models, model, file_name(image), names)
    trust = line(lab, model, "segmentation.mIoU", "segmentation.absent_area")
    yield _answer(image, result, threshold, exclusive, program, trust, anyway)


def segment_like(
    lab: Lab,
    image: PIL.Image.Image | None,
    example: PIL.Image.Image | None,
    box: str = "",
    threshold: float = segmentation.DEFAULT_THRESHOLD,
    model: str = EMBEDDED,
    exclusive: bool = True,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Find in a picture what an example picture shows, or what lies in its box "left, top, right, bottom"."""
    corners, image = segmentation.parse_box(box), needed(image)
    yield from downloaded(lab, model, progress, _noted)
    progress(0.1, desc=SAID.encoding_both)
    result = segmentation.segment_like(lab.models, model, image, example, corners)
    yield _answer(image, result, threshold, exclusive, "", line(lab, model))


def click(
    lab: Lab,
    last: Last | None,
    label: str,
    on: bool,
    model: str,
    threshold: float,
    exclusive: bool,
    event: gr.SelectData,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Refine the mask by one more click: on the object, or not on it."""
    x, y = event.index
    scale = last.result.size[0] / last.picture.width if last else 1.0
    before = last.points if last and last.clicked == label else ()
    points = (*before, (scale * x, scale * y, bool(on)))
    yield from _refined(lab, last, label, model, threshold, exclusive, progress, points=points)


def refine_by_box(
    lab: Lab,
    last: Last | None,
    label: str,
    model: str,
    threshold: float,
    exclusive: bool,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Refine the mask by the box around it."""
    box = None
    if last is not None:
        found = segmentation.masks(last.result, threshold, bool(exclusive), anyway=last.anyway)
        box = next((mask.box for mask in found if mask.label == label), None)
    yield from _refined(lab, last, label, model, threshold, exclusive, progress, box=box)


def covered(answer: Any) -> dict[str, float]:
    """The coverage of each prompt."""
    return {row["label"]: row["coverage"] for row in answer}


def redraw(lab: Lab, last: Last | None, threshold: float, exclusive: bool, anyway: bool = False) -> Outputs:
    """The last result by another threshold or rule; no model runs."""
    if last is None:
        return only(Outputs)
    last = replace(last, anyway=bool(anyway))
    return only(Outputs, **_painted(last, threshold, exclusive), last=last)


def _answer(
    image: PIL.Image.Image,
    result: Segmentation,
    threshold: float,
    exclusive: bool,
    program: str,
    trust: str,
    anyway: bool = False,
) -> Outputs:
    picture = image.resize(drawing.shown_size(image), PIL.Image.Resampling.LANCZOS)
    picture.info["original size"] = result.size
    last = Last(picture, result, file_name(image), trust, bool(anyway))
    return only(
        Outputs,
        **_painted(last, threshold, exclusive),
        last=last,
        target=gr.Dropdown(result.labels, value=result.labels[0]),
        why=drawings(
            drawing.heat_maps(picture, result.labels, result.probabilities),
            drawing.depths(picture, result.labels, result.depths),
        ),
        code=program,
        note=images.note(image),
        details=gr.Column(visible=True),
    )


def _refined(
    lab: Lab,
    last: Last | None,
    label: str,
    model: str,
    threshold: float,
    exclusive: bool,
    progress: gr.Progress,
    **prompt: Any,
) -> Iterator[Outputs]:
    if last is None:
        raise UserError(SAID.nothing_to_refine)
    yield from downloaded(lab, model, progress, _noted)
    progress(0.1, desc=SAID.refining)
    result = segmentation.refine(lab.models, model, last.picture, last.result, label, **prompt)
    now = replace(last, result=result, clicked=label, points=tuple(prompt.get("points", ())))
    yield only(Outputs, **_painted(now, threshold, exclusive), last=now, note="")


def _painted(last: Last, threshold: float, exclusive: bool) -> dict[str, Any]:
    painted = paint(last.picture, last.result, last.name, threshold, bool(exclusive), last.anyway)
    return {**painted, "shown": painted["shown"] + last.trust}
