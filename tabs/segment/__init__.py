# SPDX-License-Identifier: Apache-2.0

"""Segmentation: find in a picture what phrases name, or what looks like an example."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.models.abilities import Refiner
from core.tasks.segmentation import DEFAULT_THRESHOLD, TASK
from tabs._compare import Comparison, compare_with
from tabs._events import endpoint, in_panel
from tabs._jobs import SHORT, stops
from tabs._lab import Lab, Tab, bind
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._trust import measure_button
from tabs._what_if import what_if
from tabs._widgets import code_panel, how_it_works, model_picker, numbers_table, result_head, toolbar
from tabs.segment import handlers
from tabs.segment.asking import question
from tabs.segment.handlers import Outputs, covered
from tabs.segment.painting import HEADER
from web.inputs import PhotoInput

IDLE_S = 3600  # after which a visit's last result is cleared away
SAID, COMMON = texts("segment"), texts("common")
EXAMPLES = [
    Example("kitten-yarn-ball.jpg", SAID.kitten, {"prompts": "a cat, a bird"}),  # one of which is not there
    Example("kitten-yarn-ball.jpg", SAID.wool, {"prompts": "a cat, a ball of wool"}),
    Example("dog-german-shepherd.jpg", SAID.dog, {"prompts": "a dog, grass"}),
    Example("coffee-cup-spoon.jpg", SAID.cup, {"prompts": "a cup, a spoon"}),
    Example("rowing-boats-shore.jpg", SAID.boats, {"prompts": "boats, a lake"}),
]
MODES = [(SAID.exclusive, True), (SAID.overlapping, False)]


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    strip = gr.Row(elem_classes="strip")
    last = gr.State(None, time_to_live=IDLE_S)
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=2, elem_classes="inputs"):
            image = PhotoInput(label=COMMON.picture, height=240)
            source = gr.Textbox(visible="hidden")
            prompts = gr.Textbox("a cat, a dog", label=SAID.prompts, info=SAID.prompts_hint, lines=2)
            threshold = gr.Slider(0, 1, DEFAULT_THRESHOLD, step=0.01, label=SAID.threshold)
            with gr.Accordion(COMMON.options, open=False):
                mode = gr.Radio(MODES, value=True, label=SAID.masks)
                anyway = gr.Checkbox(False, label=SAID.anyway)
                model = model_picker(lab, TASK.needs)
                measure_button(lab, model, "segmentation")
            with gr.Row():
                run = gr.Button(SAID.run, variant="primary")
                stop = gr.Button(COMMON.stop)
        with gr.Column(min_width=300, scale=3, elem_classes="result", elem_id="result-segment"):
            head = result_head()
            with gr.Column(elem_classes="details") as details:
                painted = gr.Image(label=SAID.painted, interactive=False, format="png", height=360)
                tools = gr.Column()
                why = gr.HTML(label="why")
                parts = _details()
                refiner, target, sign, by_box = _refining(lab)
                code, program = code_panel(SAID.code)
                with tools:
                    toolbar(lab, "segment", head["link"], image, code)
                more = gr.Column()
    with gr.Accordion(SAID.by_example, open=False):
        example, box, run_like = _by_example()
    how_it_works(SAID.how)
    outputs = Outputs(
        **head, **parts, painted=painted, details=details, why=why, code=code, program=program, last=last, target=target
    )

    with more:
        what_if(lab, image, question([prompts, threshold, model]))
        compare_with(
            lab, Comparison(handlers.segment, [image, prompts, threshold, model, mode], 3, TASK.needs, covered)
        )

    form = Form(
        "segment",
        image,
        source,
        {"prompts": prompts, "threshold": threshold, "exclusive": mode, "anyway": anyway, "model": model},
        EXAMPLES,
    )
    words: dict[str, Any] = {"inputs": [image, prompts, threshold, model, mode, anyway], "outputs": list(outputs)}
    like: dict[str, Any] = {"inputs": [image, example, box, threshold, model, mode], "outputs": list(outputs)}
    endpoint(lab, handlers.segment, words["inputs"], outputs, handlers.PUBLIC, "segment", **SHORT)
    endpoint(lab, handlers.segment_like, like["inputs"], outputs, handlers.PUBLIC, "segment_like", **SHORT)

    shown: dict[str, Any] = {"api_visibility": "private", "show_progress_on": outputs.shown, **SHORT}
    by_words: dict[str, Any] = {"fn": bind(lab, in_panel(handlers.segment, Outputs)), **words, **shown}
    by_picture: dict[str, Any] = {"fn": bind(lab, in_panel(handlers.segment_like, Outputs)), **like, **shown}
    with strip:
        thumbnails = example_strip(form)
    asked = [gr.on([run.click, prompts.submit], **by_words), openings(lab, form, thumbnails).then(**by_words)]
    liked = run_like.click(**by_picture)
    link_to(lab, form, asked, outputs.link)

    redraw: dict[str, Any] = {"outputs": list(outputs), "api_visibility": "private", "show_progress": "hidden"}
    again = [last, threshold, mode, anyway]
    changed = [threshold.input, mode.input, anyway.input]
    gr.on(changed, bind(lab, handlers.redraw), again, trigger_mode="always_last", **redraw)
    refine: dict[str, Any] = {
        "outputs": list(outputs),
        "api_visibility": "private",
        "show_progress_on": painted,
        **SHORT,
    }
    refined = [
        painted.select(
            bind(lab, in_panel(handlers.click, Outputs)), [last, target, sign, refiner, threshold, mode], **refine
        ),
        by_box.click(
            bind(lab, in_panel(handlers.refine_by_box, Outputs)), [last, target, refiner, threshold, mode], **refine
        ),
    ]
    stops(stop, [*asked, liked, *refined], outputs.note)


def _by_example() -> tuple[PhotoInput, gr.Textbox, gr.Button]:
    """What to look for, as a picture."""
    example = PhotoInput(label=SAID.example, height=220)
    box = gr.Textbox(label=SAID.box, info=SAID.box_hint, placeholder="40, 60, 300, 280")
    return example, box, gr.Button(SAID.run_like)


def _details() -> dict[str, Any]:
    """The numbers and the downloads, by the names of the outputs."""
    with gr.Column():
        table, numbers = numbers_table(SAID.coverage, HEADER)
        with gr.Row():
            download = gr.DownloadButton(SAID.png, size="sm")
            coco = gr.DownloadButton(SAID.coco, size="sm")
    return {"table": table, "numbers": numbers, "download": download, "coco": coco}


def _refining(lab: Lab) -> tuple[gr.Dropdown, gr.Dropdown, gr.Radio, gr.Button]:
    with gr.Accordion(SAID.refine, open=False):
        refiner = model_picker(lab, Refiner)
        target = gr.Dropdown([], label=SAID.target, info=SAID.target_hint)
        sign = gr.Radio([(SAID.on, True), (SAID.off, False)], value=True, label=SAID.click)
        return refiner, target, sign, gr.Button(SAID.by_box)


TAB = Tab("segment", SAID.title, 30, build)
