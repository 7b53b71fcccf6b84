# SPDX-License-Identifier: Apache-2.0

"""Visual question answering: ask a picture something in words."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.tasks import vqa
from tabs._compare import Comparison, compare_with
from tabs._events import endpoint, in_panel
from tabs._jobs import SHORT, stops
from tabs._lab import Lab, Tab, bind
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._trust import measure_button
from tabs._what_if import what_if
from tabs._widgets import code_panel, how_it_works, model_picker, numbers_table, result_head, toolbar
from tabs.ask import asking
from tabs.ask.handlers import HEADER, PUBLIC, Outputs, answer_question
from web.inputs import PhotoInput

SAID, COMMON = texts("ask"), texts("common")
EXAMPLES = [
    Example("kitten-yarn-ball.jpg", SAID.what_animal, {"question": SAID.what_animal}),
    Example("dog-german-shepherd.jpg", SAID.is_there, {"question": SAID.is_there}),
    Example("coffee-cup-spoon.jpg", SAID.what_colour, {"question": SAID.what_colour}),
    Example("mariachi-band.jpg", SAID.what_instrument, {"question": SAID.what_instrument}),
    Example("rowing-boats-shore.jpg", SAID.how_many, {"question": SAID.how_many}),
]


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    strip = gr.Row(elem_classes="strip")
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=2, elem_classes="inputs"):
            image = PhotoInput(label=COMMON.picture, height=240)
            source = gr.Textbox(visible="hidden")
            question = gr.Textbox(SAID.what_animal, label=SAID.question, info=SAID.question_hint, lines=1, max_lines=8)
            with gr.Accordion(COMMON.options, open=False):
                model = model_picker(lab, vqa.TASK.needs)
                measure_button(lab, model, "vqa")
            with gr.Row():
                ask = gr.Button(SAID.run, variant="primary")
                stop = gr.Button(COMMON.stop)
            gr.Markdown(SAID("kinds", kinds="; ".join(vqa.KIND_EXAMPLES.values())), elem_classes="footnote")
        with gr.Column(min_width=300, scale=3, elem_classes="result", elem_id="result-ask"):
            head = result_head()
            with gr.Column(elem_classes="details") as details:
                tools = gr.Column()
                why = gr.HTML(label="why")
                with gr.Column():
                    table, numbers = numbers_table(SAID.all_answers, HEADER)
                    download = gr.DownloadButton(COMMON.csv, size="sm")
                code, program = code_panel(SAID.code)
                with tools:
                    toolbar(lab, "ask", head["link"], image, code)
                more = gr.Column()
    outputs = Outputs(
        **head, details=details, why=why, table=table, numbers=numbers, download=download, code=code, program=program
    )
    how_it_works(SAID.how)

    with more:
        what_if(lab, image, asking.question([question, model]))
        compare_with(lab, Comparison(answer_question, [image, question, model], 2, vqa.TASK.needs, dict))

    form = Form("ask", image, source, {"question": question, "model": model}, EXAMPLES)
    event: dict[str, Any] = {"inputs": [image, question, model], "outputs": list(outputs)}
    endpoint(lab, answer_question, event["inputs"], outputs, PUBLIC, "answer", **SHORT)
    shown: dict[str, Any] = {"api_visibility": "private", "show_progress_on": outputs.shown}
    answer: dict[str, Any] = {"fn": bind(lab, in_panel(answer_question, Outputs)), **event, **shown, **SHORT}
    with strip:
        thumbnails = example_strip(form)
    asked = [gr.on([ask.click, question.submit], **answer), openings(lab, form, thumbnails).then(**answer)]
    link_to(lab, form, asked, outputs.link)
    stops(stop, asked, outputs.note)


TAB = Tab("ask", SAID.title, 25, build)
