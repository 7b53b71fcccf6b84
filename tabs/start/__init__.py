# SPDX-License-Identifier: Apache-2.0

"""The first screen: an answered example that one touch changes, and the article's six strategies as a map."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tabs._events import in_panel
from tabs._jobs import SHORT
from tabs._lab import Lab, Tab, bind
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._widgets import copies, copy_button
from tabs.start.handlers import Outputs, answer
from tabs.start.strategies import doors, strategy_map
from web.inputs import PhotoInput

SAID, COMMON = texts("start"), texts("common")
PETS, DRINKS = "cat, dog, horse, bird", "a cup of coffee, a bowl of soup, a glass of wine"
EXAMPLES = [
    Example("kitten-yarn-ball.jpg", SAID.kitten, {"labels": PETS}),
    Example("dog-german-shepherd.jpg", SAID.dog, {"labels": PETS}),
    Example("coffee-cup-spoon.jpg", SAID.cup, {"labels": DRINKS}),
    Example("mariachi-band.jpg", SAID.band, {"labels": "musicians, a football team, an empty street"}),
    Example("rowing-boats-shore.jpg", SAID.boats, {"labels": "boats, cars, bicycles, trains"}),
]


def build(lab: Lab) -> None:
    gr.Markdown(SAID.lead, elem_classes="about lead")
    strip = gr.Row(elem_classes="strip")
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=260, scale=3, elem_classes="inputs"):
            image = PhotoInput(label=SAID.picture, height=240)
            source = gr.Textbox(visible="hidden")
            labels = gr.Textbox(PETS, label=SAID.labels, lines=1, max_lines=3)
            run = gr.Button(SAID.run, variant="primary")
            gr.HTML(doors())
        with gr.Column(min_width=300, scale=4, elem_classes="result", elem_id="result-start"):
            outputs = Outputs(
                error=gr.HTML(label="error"),
                shown=gr.HTML(label="shown", elem_classes="shown"),
                why=gr.HTML(label="why"),
                link=gr.Textbox(visible="hidden"),
            )
            with gr.Row(elem_classes="toolbar"):
                copy = copy_button()
            copies(copy, outputs.link, gr.HTML(elem_classes="said"))
        with gr.Column(min_width=300, scale=4):
            gr.HTML(strategy_map())

    form = Form("start", image, source, {"labels": labels}, EXAMPLES)
    answering: dict[str, Any] = {
        "fn": bind(lab, in_panel(answer, Outputs)),
        "inputs": [image, labels],
        "outputs": list(outputs),
        "api_visibility": "private",
        "show_progress_on": outputs.shown,
        **SHORT,
    }
    with strip:
        thumbnails = example_strip(form)
    asked = gr.on([run.click, labels.submit, image.upload], **answering)
    link_to(lab, form, [asked, openings(lab, form, thumbnails).then(**answering)], outputs.link)


TAB = Tab("start", SAID.title, 0, build)
