# SPDX-License-Identifier: Apache-2.0

"""Retrieval: find pictures by words, by a picture or by both, and captions by a picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.data.bundled import NAME as BUNDLED
from core.models.abilities import Matcher
from core.tasks.retrieval import MAX_RESULTS, TASK
from tabs._compare import Comparison, compare_with
from tabs._events import endpoint, in_panel
from tabs._galleries import choices
from tabs._jobs import SEARCH, stops
from tabs._lab import Lab, Tab, bind
from tabs._links import Example, Form, example_strip, link_to, openings
from tabs._texts import texts
from tabs._trust import measure_button
from tabs._what_if import what_if
from tabs._widgets import code_panel, how_it_works, model_picker, numbers_table, result_head, toolbar
from tabs.search import own_gallery, recall
from tabs.search.asking import question
from tabs.search.searching import HEADER, PUBLIC, Found, describe, rerank, scores, search
from web.inputs import PhotoInput

IDLE_S = 3600  # after its last use a visit's own gallery is cleared away
SAID, COMMON = texts("search"), texts("common")
EXAMPLES = [
    Example("", SAID.sunset, {"query": SAID.sunset}),
    Example("", SAID.wool, {"query": SAID.wool}),
    Example("", SAID.drink, {"query": SAID.drink}),
    Example("", SAID.music, {"query": SAID.music}),
    Example("dog-german-shepherd.jpg", SAID.like_this, {"query": ""}),
    Example("coffee-cup-spoon.jpg", SAID.at_night, {"query": SAID.at_night}),
]


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    strip = gr.Row(elem_classes="strip")
    mine = gr.State(None, time_to_live=IDLE_S)
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=2, elem_classes="inputs"):
            query = gr.Textbox(SAID.sunset, label=SAID.words, max_lines=3)
            image = PhotoInput(label=SAID.picture, height=200)
            source = gr.Textbox(visible="hidden")
            gallery, k, model = _options(lab)
            with gr.Row():
                find = gr.Button(SAID.run, variant="primary")
                find_captions = gr.Button(SAID.run_captions)
                stop = gr.Button(COMMON.stop)
        with gr.Column(min_width=300, scale=3, elem_classes="result", elem_id="result-search"):
            head = result_head()
            with gr.Column(elem_classes="details") as details:
                tools = gr.Column()
                found = gr.Gallery(label=SAID.found, columns=4, height="auto", object_fit="contain", format="jpeg")
                why = gr.HTML(label="why")
                with gr.Column():
                    table, numbers = numbers_table(SAID.ranking, HEADER)
                    download = gr.DownloadButton(COMMON.csv, size="sm")
                with gr.Accordion(SAID.rerank, open=False):
                    matcher = model_picker(lab, Matcher, label=SAID.matcher)
                    again = gr.Button(SAID.run_rerank)
                code, program = code_panel(SAID.code)
                with tools:
                    toolbar(lab, "search", head["link"], image, code)
                more = gr.Column()
    with gr.Accordion(SAID.recall, open=False):
        recall.panel(lab, gallery, model, mine)
    with gr.Accordion(SAID.own_gallery, open=False):
        own_gallery.panel(lab, gallery, model, mine)
    how_it_works(SAID.how)

    outputs = Found(
        **head,
        details=details,
        found=found,
        why=why,
        table=table,
        numbers=numbers,
        download=download,
        code=code,
        program=program,
    )
    form = Form("search", image, source, {"query": query, "gallery": gallery, "k": k, "model": model}, EXAMPLES)
    options = [image, gallery, k, model, mine]
    with more:
        what_if(lab, image, question([query, gallery, model, mine]))
        compare_with(lab, Comparison(search, [query, *options], 4, TASK.needs, scores))
    by_words: dict[str, Any] = {"inputs": [query, *options], "outputs": list(outputs)}
    captions: dict[str, Any] = {"inputs": options, "outputs": list(outputs)}
    reranking: dict[str, Any] = {"inputs": [query, outputs.answer, gallery, matcher, mine], "outputs": list(outputs)}
    endpoint(lab, search, by_words["inputs"], outputs, PUBLIC, "search", **SEARCH)
    endpoint(lab, describe, captions["inputs"], outputs, PUBLIC, "find_captions", **SEARCH)
    endpoint(lab, rerank, reranking["inputs"], outputs, PUBLIC, "rerank", **SEARCH)

    shown: dict[str, Any] = {"api_visibility": "private", "show_progress_on": outputs.shown, **SEARCH}
    searching: dict[str, Any] = {"fn": bind(lab, in_panel(search, Found)), **by_words, **shown}
    with strip:
        thumbnails = example_strip(form)
    asked = [gr.on([find.click, query.submit], **searching), openings(lab, form, thumbnails).then(**searching)]
    others = [
        find_captions.click(bind(lab, in_panel(describe, Found)), **captions, **shown),
        again.click(bind(lab, in_panel(rerank, Found)), **reranking, **shown),
    ]
    link_to(lab, form, asked, outputs.link)
    stops(stop, [*asked, *others], outputs.note)


def _options(lab: Lab) -> tuple[gr.Dropdown, gr.Slider, gr.Dropdown]:
    with gr.Accordion(COMMON.options, open=False):
        gallery = gr.Dropdown(
            choices(lab, None),
            value=BUNDLED,
            label=SAID.gallery,
            allow_custom_value=True,
            info=SAID.gallery_hint,
        )
        results = gr.Slider(1, MAX_RESULTS, 12, step=1, label=SAID.results)
        model = model_picker(lab, TASK.needs)
        measure_button(lab, model, "similarity")
        return gallery, results, model


TAB = Tab("search", SAID.title, 40, build)
