"""The half of the admin page that starts: what is learned, from which data, after a look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from core.errors import UserError
from core.models import EMBEDDED
from core.training import OBJECTIVES, all_objectives
from core.training import data as sets
from core.training.folder import Request
from tabs import _base as base
from tabs import _galleries
from tabs._runs_form import Form

SHOWN = 8  # examples to look at


def build(lab: base.Lab) -> tuple[Form, gr.State]:
    """The form, and a state that holds the id of the run started last."""
    started = gr.State("")
    with gr.Row():
        with gr.Column(min_width=300):
            form = Form(all_objectives())
        with gr.Column(min_width=300):
            source = gr.Dropdown(_sources(lab), value="scenes", label="Data", allow_custom_value=True)
            file = gr.File(label="A zip: pictures with metadata.csv", file_types=[".zip"], visible=False)
            hub = gr.Textbox(label="Id of a dataset on the hub", placeholder="user/dataset", visible=False)
            start_from = gr.Dropdown([EMBEDDED], value=EMBEDDED, label="Starts from")
            name = gr.Textbox(label="Name of the run", max_length=80, placeholder="my first run")
            with gr.Row():
                look = gr.Button("Look at the data")
                start = gr.Button("Start", variant="primary")
            said = gr.Markdown()
            pictures = gr.Gallery(label="Some of the examples", columns=4, height="auto", format="jpeg")

    def examples(values: Mapping[Component, Any]) -> tuple[str, list[sets.Example]]:
        where = str(values[source])
        return where, load(lab, where, values[file], str(values[hub] or ""))

    @base.safe
    def looked(values: dict[Component, Any]) -> tuple[Any, ...]:
        objective, _ = form.read(values)
        _, rows = examples(values)
        found = sets.check(rows, OBJECTIVES.get(objective))
        return found.told(), [(one.image, _words(one)) for one in found.usable[:SHOWN]]

    @base.safe
    def begun(values: dict[Component, Any]) -> tuple[str, str]:
        objective, settings = form.read(values)
        where, rows = examples(values)
        request = Request(objective, where, settings, str(values[start_from]), str(values[name] or ""))
        return lab.runs.start(request, rows), "Started. Watch it on the other tab."

    inputs = {*form.components, source, file, hub, start_from, name}
    look.click(looked, inputs, [said, pictures], api_visibility="private")
    start.click(begun, inputs, [started, said], api_visibility="private")
    source.change(
        lambda where: (gr.File(visible=where == "zip"), gr.Textbox(visible=where == "hub")),
        source,
        [file, hub],
        api_visibility="private",
    )
    return form, started
