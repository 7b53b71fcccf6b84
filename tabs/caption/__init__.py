# SPDX-License-Identifier: Apache-2.0

"""Captions by models that were never trained on captioned pictures: chosen from a bank by ASIF, or written word by word by MaGiC."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tabs._lab import Lab, Tab
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._what_if import what_if
from tabs._widgets import how_it_works
from tabs.caption import asif, compare, magic
from tabs.caption.asking import question
from web.inputs import PhotoInput

SAID, COMMON = texts("caption"), texts("common")
EXAMPLES = [
    Example("kitten-yarn-ball.jpg", SAID.kitten, {}),
    Example("dog-german-shepherd.jpg", SAID.dog, {}),
    Example("coffee-cup-spoon.jpg", SAID.cup, {}),
    Example("rowing-boats-shore.jpg", SAID.boats, {}),
    Example("mariachi-band.jpg", SAID.band, {}),
]
METHODS = [(SAID.by_asif, "asif"), (SAID.by_magic, "magic"), (SAID.by_several, "compare")]
PARTS = (asif, magic, compare)


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    strip = gr.Row(elem_classes="strip")
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=2, elem_classes="inputs"):
            image = PhotoInput(label=COMMON.picture, height=240)
            source = gr.Textbox(visible="hidden")
            method = gr.Radio(METHODS, value="asif", label=SAID.method)
            settings: list[Any] = []
            panels: list[gr.Column] = []
            for part in PARTS:
                with gr.Column(visible=part is asif) as panel:
                    settings.append(part.settings(lab))
                panels.append(panel)
        with gr.Column(min_width=300, scale=3, elem_classes="result", elem_id="result-caption"):
            results: list[Any] = []
            for part in PARTS:
                with gr.Column(visible=part is asif) as panel:
                    results.append(part.result(lab, image))
                panels.append(panel)
            what_if(lab, image, question([method, results[0].caption, results[1].caption]))
    how_it_works(SAID.how)

    fields = {"method": method}
    for prefix, given in zip(("asif", "magic", "compare"), settings, strict=True):
        fields |= {f"{prefix}_{name}": component for name, component in given.linked().items()}
    form = Form("caption", image, source, fields, EXAMPLES)
    with strip:
        thumbnails = example_strip(form)
    opened = openings(lab, form, thumbnails)
    for part, given, result in zip(PARTS, settings, results, strict=True):
        link_to(lab, form, part.listen(lab, image, method, given, result, opened), result.link)
    method.change(shown_for, method, panels, queue=False, api_visibility="private", show_progress="hidden")


def shown_for(method: str) -> list[Any]:
    """Which settings, and which results, are shown."""
    return [gr.Column(visible=method == name) for _ in range(2) for _, name in METHODS]


TAB = Tab("caption", SAID.title, 50, build)
