# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification: name the labels, and the model says which of them describes the picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.tasks import zero_shot
from tabs._compare import Comparison, compare_with
from tabs._events import endpoint, in_panel
from tabs._jobs import LONG, SHORT, stops
from tabs._lab import Lab, Tab, bind
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._trust import measure_button
from tabs._what_if import what_if
from tabs._widgets import code_panel, how_it_works, model_picker, numbers_table, result_head, toolbar
from tabs.classify.asking import question
from tabs.classify.handlers import (
    HEADER,
    MAX_PICTURES,
    PETS,
    PUBLIC,
    TWO_PETS,
    Outputs,
    classify,
    classify_many,
    two_pets,
)
from web.inputs import FileInput, PhotoInput

SAID, COMMON = texts("classify"), texts("common")
EXAMPLES = [
    Example(TWO_PETS[0], SAID.kitten, {"labels": PETS}),
    Example(TWO_PETS[1], SAID.dog, {"labels": PETS}),
    Example(
        "coffee-cup-spoon.jpg",
        SAID.cup,
        {"labels": "a cup of coffee, a bowl of soup, a plate of pasta, a glass of wine"},
    ),
    Example(
        "mariachi-band.jpg",
        SAID.band,
        {"labels": "musicians playing guitars, people eating dinner, a football team, an empty street"},
    ),
    Example("rowing-boats-shore.jpg", SAID.boats, {"labels": "boats, cars, bicycles, trains"}),
]


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    strip = gr.Row(elem_classes="strip")
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=2, elem_classes="inputs"):
            image = PhotoInput(label=COMMON.picture, height=240)
            source = gr.Textbox(visible="hidden")
            labels = gr.Textbox(PETS, label=SAID.labels, info=SAID.labels_hint, lines=2)
            template, scoring, model = _options(lab)
            with gr.Row():
                run = gr.Button(SAID.run, variant="primary")
                stop = gr.Button(COMMON.stop)
        with gr.Column(min_width=300, scale=3, elem_classes="result", elem_id="result-classify"):
            head = result_head()
            with gr.Column(elem_classes="details") as details:
                tools = gr.Column()
                why = gr.HTML(label="why")
                with gr.Column():
                    table, numbers = numbers_table(SAID.all_scores, HEADER)
                    download = gr.DownloadButton(COMMON.csv, size="sm")
                code, program = code_panel(SAID.code)
                with tools:
                    toolbar(lab, "classify", head["link"], image, code)
                more = gr.Column()
    outputs = Outputs(
        **head, details=details, why=why, table=table, numbers=numbers, download=download, code=code, program=program
    )
    with gr.Accordion(SAID.many, open=False):
        files = FileInput(
            label=SAID("files", number=MAX_PICTURES), file_count="multiple", file_types=["image"], height=140
        )
        with gr.Row():
            run_many = gr.Button(SAID.run_many)
            try_two = gr.Button(SAID.two_pets)
    how_it_works(SAID.how)

    form = Form(
        "classify",
        image,
        source,
        {"labels": labels, "template": template, "scoring": scoring, "model": model},
        EXAMPLES,
    )
    options = [labels, template, scoring, model]
    with more:
        what_if(lab, image, question(options))
        compare_with(lab, Comparison(classify, [image, *options], 4, zero_shot.TASK.needs, dict))
    one: dict[str, Any] = {"inputs": [image, *options], "outputs": list(outputs)}
    many: dict[str, Any] = {"inputs": [files, *options], "outputs": list(outputs)}
    endpoint(lab, classify, one["inputs"], outputs, PUBLIC, "classify", **SHORT)
    endpoint(lab, classify_many, many["inputs"], outputs, PUBLIC, "classify_many", **LONG)

    shown: dict[str, Any] = {"api_visibility": "private", "show_progress_on": outputs.shown}
    answer: dict[str, Any] = {"fn": bind(lab, in_panel(classify, Outputs)), **one, **shown, **SHORT}
    answer_many: dict[str, Any] = {"fn": bind(lab, in_panel(classify_many, Outputs)), **many, **shown, **LONG}
    with strip:
        thumbnails = example_strip(form)
    asked = [run.click(**answer), openings(lab, form, thumbnails).then(**answer)]
    filled = try_two.click(two_pets, None, [files, labels], api_visibility="private")
    compared = [run_many.click(**answer_many), filled.then(**answer_many)]
    link_to(lab, form, asked, outputs.link)
    stops(stop, [*asked, *compared], outputs.note)


def _options(lab: Lab) -> tuple[gr.Textbox, gr.Radio, gr.Dropdown]:
    with gr.Accordion(COMMON.options, open=False):
        return (
            gr.Textbox(zero_shot.TEMPLATE, label=SAID.templates, info=SAID.templates_hint, lines=2),
            gr.Radio([(text, key) for key, text in zero_shot.SCORINGS.items()], value="softmax", label=SAID.scoring),
            _model(lab),
        )


def _model(lab: Lab) -> gr.Dropdown:
    model = model_picker(lab, zero_shot.TASK.needs)
    measure_button(lab, model, "similarity")
    return model


TAB = Tab("classify", SAID.title, 20, build)
