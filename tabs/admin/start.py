# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that starts a run, as it is laid out and bound: what is learned, and from which data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from core.models.family import EMBEDDED
from core.training import OBJECTIVES, all_objectives
from core.training.data.loading import MOST, SCENES
from core.training.supervisor.listing import Run
from tabs._events import in_panel
from tabs._lab import Lab, bind
from tabs._texts import texts
from tabs.admin.form import ObjectiveForm
from tabs.admin.starting import (
    Started,
    StartForm,
    bases,
    show_examples,
    sources,
    start_run,
    suit_objective,
    suit_source,
)
from web.inputs import FileInput

SAID = texts("admin")
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

    def filled(self, lab: Lab, run: Run) -> dict[Block, Any]:
        """Updates that show the settings, the base and the data of a run. Raises UserError where its objective is not there."""
        own = (SAID("source_run", name=run.name), f"run:{run.id}")
        return {
            **self.objective.filled(run.objective, run.settings),
            self.source: gr.Dropdown([*sources(lab), own], value=own[1]),
            self.base: gr.Dropdown(bases(lab, run.objective), value=run.base),
        }

    def handler(
        self, lab: Lab, function: Callable[[Lab, StartForm, gr.Progress], Iterator[Started]]
    ) -> Callable[..., Any]:
        """`function` for an event whose inputs are `inputs`."""

        def event(
            values: dict[Component, Any],
            progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
        ) -> Iterator[Started]:
            yield from function(lab, self.read(values), progress)

        event.__name__ = function.__name__
        return in_panel(event, Started)


def build(lab: Lab) -> StartPanel:
    with gr.Row():
        with gr.Column(min_width=300, elem_classes="result"):
            objective = ObjectiveForm(all_objectives())
        with gr.Column(min_width=300, elem_classes="result"):
            data = OBJECTIVES.get(objective.first).data
            panel = StartPanel(
                objective=objective,
                source=gr.Dropdown(sources(lab), value=data, label=SAID.data, allow_custom_value=True),
                file=FileInput(label=SAID.zip, file_types=[".zip"], visible=False),
                rows=gr.Number(
                    SCENES, label=SAID.how_many, precision=0, minimum=10, maximum=MOST, visible=data == "scenes"
                ),
                hub_id=gr.Textbox(label=SAID.hub_id, placeholder="user/dataset", visible=False),
                base=gr.Dropdown(bases(lab, objective.first), value=EMBEDDED, label=SAID.base),
                name=gr.Textbox(label=SAID.run_name, max_length=80, placeholder=SAID.run_name_example),
                started=gr.State(""),
            )
            with gr.Row():
                show = gr.Button(SAID.preview)
                start = gr.Button(SAID.start, variant="primary")
            error, note = gr.HTML(label="error"), gr.Markdown(label="note")
            examples = gr.Gallery(
                label=SAID.examples,
                columns=4,
                height="auto",
                format="jpeg",
                elem_classes="long-captions",
                visible=False,
            )
    _bind(lab, panel)
    outputs, shown = list(Started(error, note, examples, panel.started)), {**PRIVATE, "show_progress_on": note}
    show.click(panel.handler(lab, show_examples), panel.inputs, outputs, **shown)
    start.click(panel.handler(lab, start_run), panel.inputs, outputs, **shown)
    return panel


def _bind(lab: Lab, panel: StartPanel) -> None:
    # Only a person's own choice asks for what suits: a clone brings a base and data of its own.
    suits = bind(lab, suit_objective)
    panel.objective.choice.input(suits, [panel.objective.choice, panel.source], [panel.base, panel.source], **PRIVATE)
    panel.source.change(suit_source, panel.source, [panel.file, panel.rows, panel.hub_id], **PRIVATE)
    gr.on(None, lambda: gr.Dropdown(sources(lab)), None, panel.source, **PRIVATE)  # when the page opens
