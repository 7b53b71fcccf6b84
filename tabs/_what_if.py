# SPDX-License-Identifier: Apache-2.0

"""“What if?”: a tab's question asked again with a part of the picture, a word or an anchor hidden; and the map of what its answer
needs, by hiding everything in turn. Works for every model, since it only asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import PIL.Image

from core.engine import OnStep
from core.errors import UserError
from core.explain import occlusion as drawing
from core.results import Change, Occlusion
from core.tasks import occlusion
from core.tasks.hiding import Box, hide
from core.tasks.what_if import Without
from tabs._jobs import LONG, stoppable, stops
from tabs._lab import Lab, bind
from tabs._shown import changes, drawings, error, trust
from tabs._texts import texts
from tabs._values import needed

SAID = texts("what_if")
IDLE_S = 3600
PREVIEW_SIDE = 480  # pixels
CLICKED = 0.2  # of the width and the height: the square that a click hides
PARTS = [(getattr(SAID, f"part_{number}"), str(number)) for number in range(9)]
METHODS = [(SAID.square, "square"), (SAID.rise, "rise")]
Boxes = tuple[Box, ...]


@dataclass(frozen=True)
class Asked:
    """What the map is of: the score of an answer about a picture, and both in words."""

    score: occlusion.Score
    picture: PIL.Image.Image
    words: str


@dataclass(frozen=True)
class Question:
    """How a tab asks again. Both functions get the tab's picture and the values of `inputs`."""

    inputs: Sequence[Any]
    change: Callable[[Lab, PIL.Image.Image | None, Without, Sequence[Any], threading.Event], Change]
    asked: Callable[[Lab, PIL.Image.Image | None, Sequence[Any], threading.Event], Asked]
    slow: bool = False  # whether a picture is encoded anew in tenths of a second
    words: bool = True
    anchors: bool = False


def what_if(lab: Lab, image: gr.Image, question: Question) -> None:
    """The panel."""
    boxes = gr.State((), time_to_live=IDLE_S)
    with gr.Accordion(SAID.title, open=False) as panel:
        gr.Markdown(SAID.about)
        preview = gr.Image(label=SAID.preview, interactive=False, height=260, format="jpeg")
        parts = gr.CheckboxGroup(PARTS, label=SAID.parts)
        word = gr.Textbox(label=SAID.word, visible=question.words, max_lines=1)
        anchors = gr.Textbox(label=SAID.anchors, info=SAID.anchors_hint, visible=question.anchors, max_lines=1)
        with gr.Row():
            again = gr.Button(SAID.again, size="sm")
            clear = gr.Button(SAID.clear, size="sm")
        changed = gr.HTML()
        method = gr.Radio(METHODS, value="square", label=SAID.method)
        with gr.Row():
            draw = gr.Button(SAID.map, size="sm")
            stop = gr.Button(SAID.stop, size="sm")
        status = gr.Markdown()
        drawn = gr.HTML()
    quick: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    seen = [image, boxes, parts]
    panel.expand(bind(lab, shown), seen, preview, **quick)
    parts.input(bind(lab, shown), seen, preview, **quick)
    preview.select(bind(lab, hide_there), seen, [boxes, preview], **quick)
    clear.click(lambda: ((), [], ""), None, [boxes, parts, changed], **quick).then(
        bind(lab, shown), seen, preview, **quick
    )
    asking = [*seen, word, anchors, *question.inputs]
    events = [
        again.click(bind(lab, _of(question, ask_without)), asking, [status, changed], api_visibility="private", **LONG),
        draw.click(
            bind(lab, _of(question, draw_map)),
            [image, method, *question.inputs],
            [status, drawn],
            api_visibility="private",
            **LONG,
        ),
    ]
    stops(stop, events, status)


def _of(question: Question, handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """`handler` for this question, with what goes wrong written in its second output."""

    def run(
        lab: Lab,
        *values: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> Iterator[Any]:
        try:
            yield from handler(lab, question, progress, *values)
        except UserError as wrong:
            yield "", error(str(wrong))

    run.__name__ = handler.__name__
    return run


def shown(lab: Lab, image: PIL.Image.Image | None, boxes: Boxes, parts: list[str]) -> PIL.Image.Image | None:
    """The picture, small, as it is with what is hidden."""
    if image is None:
        return None
    small = image.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    hidden = _boxes(boxes, parts)
    return hide(small, hidden) if hidden else small


def hide_there(
    lab: Lab, image: PIL.Image.Image | None, boxes: Boxes, parts: list[str], event: gr.SelectData
) -> tuple[Boxes, PIL.Image.Image | None]:
    """One more square hidden, around the place that was clicked."""
    before = shown(lab, image, (), [])
    if before is None:
        return boxes, None
    x, y = event.index[0] / before.width, event.index[1] / before.height
    left, top = (min(max(at - CLICKED / 2, 0.0), 1 - CLICKED) for at in (x, y))
    boxes = (*boxes, (left, top, left + CLICKED, top + CLICKED))
    return boxes, shown(lab, image, boxes, parts)


def ask_without(
    lab: Lab,
    question: Question,
    progress: gr.Progress,
    image: PIL.Image.Image | None,
    boxes: Boxes,
    parts: list[str],
    word: str,
    anchors: str,
    *inputs: Any,
) -> Iterator[tuple[str, Any]]:
    """(status, the change as HTML)."""
    names = tuple(name.strip() for name in (anchors or "").split(",") if name.strip())
    without = Without(_boxes(boxes, parts), word=(word or "").strip(), anchors=names)
    change = yield from stoppable(
        lambda _, stop: question.change(lab, image, without, inputs, stop),
        SAID.asking,
        progress,
        lambda note: (note, gr.skip()),
    )
    yield "", changes(change, SAID.before, SAID.after)


def draw_map(
    lab: Lab, question: Question, progress: gr.Progress, image: PIL.Image.Image | None, method: str, *inputs: Any
) -> Iterator[tuple[str, Any]]:
    """(status, the map as HTML): the first one early, the last with its deletion and insertion scores."""
    newest: list[tuple[Any, int]] = []
    asked: list[Asked] = []

    def work(on_step: OnStep, stop: threading.Event) -> Occlusion:
        asked.append(question.asked(lab, image, inputs, stop))
        settings: dict[str, Any] = {"method": str(method), "on_step": on_step, "stop": stop}
        if question.slow:
            settings |= {"grids": occlusion.SLOW_GRIDS, "masks": occlusion.SLOW_MASKS, "steps": occlusion.SLOW_STEPS}
        return occlusion.occlude(
            asked[0].score, asked[0].picture, on_map=lambda map_, masks: newest.append((map_, masks)), **settings
        )

    def so_far(note: str) -> tuple[str, Any]:
        if not newest:
            return note, gr.skip()
        map_, masks = newest[-1]
        newest.clear()
        return note, trust(asked[0].words) + drawings(drawing.partial(asked[0].picture, map_, masks), heading="")

    found = yield from stoppable(work, SAID.drawing, progress, so_far)
    yield "", trust(asked[0].words) + drawings(drawing.drawing(asked[0].picture, found), heading="")


def _boxes(boxes: Boxes, parts: Sequence[str]) -> Boxes:
    """Clicked squares, and ninths of the picture by their numbers."""
    ninths = [(int(number) % 3, int(number) // 3) for number in parts or () if str(number) in "012345678"]
    return (*boxes, *((x / 3, y / 3, (x + 1) / 3, (y + 1) / 3) for x, y in ninths))


def of_picture(
    answer: Callable[..., tuple[occlusion.Score, str]],
) -> Callable[[Lab, PIL.Image.Image | None, Sequence[Any], threading.Event], Asked]:
    """For `Question.asked` where the map is of the tab's own picture: `answer(lab, image, *inputs, stop)` gives the score and
    what it is in words."""

    def asked(lab: Lab, image: PIL.Image.Image | None, inputs: Sequence[Any], stop: threading.Event) -> Asked:
        image = needed(image)
        score, words = answer(lab, image, *inputs, stop)
        return Asked(score, image, SAID("map_of", words=words))

    return asked
