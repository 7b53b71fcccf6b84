# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that starts a run, as it is laid out and bound: what is learned, and from which data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from core.models.family import EMBEDDED
from core.training import OBJECTIVES, all_objectives
from core.training.data.loading import MOST, SCENES
from core.training.supervisor.listing import Run
from tabs._lab import Lab, bind
from tabs.admin.form import ObjectiveForm
from tabs.admin.starting import (
    StartForm,
    bases,
    show_examples,
    sources,
    start_run,
    suit_objective,
    suit_source,
)
from web.errors import translate_errors
from web.inputs import FileInput

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class StartPanel:
    """The components. `started` holds the id of the run that was started last."""

    objective: ObjectiveForm
    source: gr.Dropdown
    file: gr.File
    rows: gr.Number
    hub_id: gr.Textbox
    base: gr.Dropdown
    name: gr.Textbox
    started: gr.State

    @property
    def inputs(self) -> set[Block]:
        own = {self.source, self.file, self.rows, self.hub_id, self.base, self.name}
        return {*self.objective.components, *own}

    def read(self, values: Mapping[Component, Any]) -> StartForm:
        objective, settings = self.objective.read(values)
        return StartForm(
            objective=objective,
            settings=settings,
            source=str(values[self.source]),
            file=values[self.file] or None,
            rows=int(values[self.rows] or SCENES),
            hub_id=str(values[self.hub_id] or ""),
            base=str(values[self.base]),
            name=str(values[self.name] or ""),
        )

    def filled(self, lab: Lab, run: Run) -> dict[Component, Any]:
        """Updates that show the settings, the base and the data of a run. Raises UserError where its objective is not there."""
        own = (f"the data of {run.name}", f"run:{run.id}")
        return {
            **self.objective.filled(run.objective, run.settings),
            self.source: gr.Dropdown([*sources(lab), own], value=own[1]),
            self.base: gr.Dropdown(bases(lab, run.objective), value=run.base),
        }

    def handler(self, lab: Lab, function: Callable[[Lab, StartForm, gr.Progress], Any]) -> Callable[..., Any]:
        """`function` for an event whose inputs are `inputs`."""

        def event(
            values: dict[Component, Any],
            progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
        ) -> Any:
            return function(lab, self.read(values), progress)

        event.__name__ = function.__name__
        return translate_errors(event)


def build(lab: Lab) -> StartPanel:
    with gr.Row():
        with gr.Column(min_width=300):
            objective = ObjectiveForm(all_objectives())
        with gr.Column(min_width=300):
            data = OBJECTIVES.get(objective.first).data
            panel = StartPanel(
                objective=objective,
                source=gr.Dropdown(sources(lab), value=data, label="Data", allow_custom_value=True),
                file=FileInput(label="A zip: pictures with metadata.csv", file_types=[".zip"], visible=False),
                rows=gr.Number(
                    SCENES, label="How many", precision=0, minimum=10, maximum=MOST, visible=data == "scenes"
                ),
                hub_id=gr.Textbox(label="Id of a dataset on the hub", placeholder="user/dataset", visible=False),
                base=gr.Dropdown(bases(lab, objective.first), value=EMBEDDED, label="Starts from"),
                name=gr.Textbox(label="Name of the run", max_length=80, placeholder="my first run"),
                started=gr.State(""),
            )
            with gr.Row():
                show = gr.Button("Show examples")
                start = gr.Button("Start", variant="primary")
            note = gr.Markdown()
            examples = gr.Gallery(
                label="Some of the examples", columns=4, height="auto", format="jpeg", elem_classes="long-captions"
            )
    _bind(lab, panel)
    show.click(panel.handler(lab, show_examples), panel.inputs, [note, examples], **PRIVATE)
    start.click(panel.handler(lab, start_run), panel.inputs, [panel.started, note], **PRIVATE)
    return panel


def _bind(lab: Lab, panel: StartPanel) -> None:
    # Only a person's own choice asks for what suits: a clone brings a base and data of its own.
    suits = bind(lab, suit_objective)
    panel.objective.choice.input(suits, [panel.objective.choice, panel.source], [panel.base, panel.source], **PRIVATE)
    panel.source.change(suit_source, panel.source, [panel.file, panel.rows, panel.hub_id], **PRIVATE)
    gr.on(None, lambda: gr.Dropdown(sources(lab)), None, panel.source, **PRIVATE)  # when the page opens
