# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that compares: several methods, one or many pictures."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from core.tasks import captioning
from tabs._events import endpoint, in_panel, only_for
from tabs._jobs import AT_OPENING, LONG, stops
from tabs._lab import Lab, bind
from tabs._texts import texts
from tabs._widgets import code_panel, numbers_table, result_head, toolbar
from tabs.caption.compare_handlers import DEFAULT, HEADER, PUBLIC, Outputs, caption_compare
from web.inputs import AnyCheckboxGroup, FileInput, PhotoInput

SAID, COMMON = texts("caption"), texts("common")


class Settings(NamedTuple):
    files: Any
    methods: Any
    run: Any
    stop: Any

    def linked(self) -> dict[str, Any]:
        """What an address says of them."""
        return {"methods": self.methods}


def settings(lab: Lab) -> Settings:
    gr.Markdown(SAID.compare_about, elem_classes="footnote")

    def choices() -> list[tuple[str, str]]:
        names = captioning.methods(lab.models)
        return [(name if name in captioning.METHODS else lab.models.catalog.label(name), name) for name in names]

    methods = AnyCheckboxGroup(choices(), value=DEFAULT, label=SAID.methods)
    gr.on(None, lambda: gr.CheckboxGroup(choices()), None, methods, **AT_OPENING)
    with gr.Accordion(SAID.many, open=False):
        files = FileInput(label=SAID.files, file_count="multiple", file_types=["image"], height=140)
    with gr.Row():
        run = gr.Button(SAID.run_compare, variant="primary")
        stop = gr.Button(COMMON.stop)
    return Settings(files, methods, run, stop)


def result(lab: Lab, image: PhotoInput) -> Outputs:
    head = result_head()
    with gr.Column(elem_classes="details") as details:
        tools = gr.Column()
        table, numbers = numbers_table(SAID.captions, HEADER)
        why = gr.HTML(label="why")
        with gr.Row():
            download = gr.DownloadButton(COMMON.csv, size="sm")
            download_json = gr.DownloadButton(COMMON.json, size="sm")
        code, program = code_panel(SAID.compare_code)
        with tools:
            toolbar(lab, "caption-compare", head["link"], image, code)
    return Outputs(
        **head, details=details, why=why, table=table, numbers=numbers, download=download, download_json=download_json, code=code, program=program
    )  # fmt: skip


def listen(lab: Lab, image: PhotoInput, method: gr.Radio, given: Settings, shown: Outputs, opened: Any) -> list[Any]:
    """The events after which there is an answer."""
    inputs, outputs = [image, given.files, given.methods], list(shown)
    endpoint(lab, caption_compare, inputs, shown, PUBLIC, "caption_compare", **LONG)
    page: dict[str, Any] = {
        "outputs": outputs,
        "show_progress_on": shown.shown,
        "api_visibility": "private",
        **LONG,
    }
    compare = in_panel(caption_compare, Outputs)
    first: dict[str, Any] = {
        "fn": bind(lab, only_for("compare", compare, Outputs)),
        "inputs": [method, *inputs],
        **page,
    }
    events = [given.run.click(bind(lab, compare), inputs, **page), opened.then(**first)]
    stops(given.stop, events, shown.note)
    return events
