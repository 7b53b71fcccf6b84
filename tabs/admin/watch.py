# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that watches runs, as it is laid out and bound: curves of several runs, what they predict of the same
pictures, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import UserError
from tabs._lab import Lab, bind
from tabs._outputs import part
from tabs.admin import reports
from tabs.admin.start import StartPanel
from tabs.admin.starting import runs_of
from tabs.admin.watching import (
    Refreshed,
    Shown,
    cancel_run,
    delete_run,
    download_model,
    list_choices,
    no_choice,
    push_model,
    refresh,
    resume_run,
    show_pictures,
    show_run,
)
from web.errors import translate_errors
from web.inputs import AnyDropdown

REFRESH_S = 2.0  # seconds between two refreshes
PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True)
class WatchPanel:
    """The components. `chosen` is the id of the run that is shown, `others` are those that its curves are compared with."""

    chosen: gr.Dropdown
    others: gr.Dropdown
    outputs: Refreshed
    pictures: gr.Gallery
    cancel: gr.Button
    resume: gr.Button
    clone: gr.Button
    delete: gr.Button


def build(lab: Lab, start: StartPanel, tabs: gr.Tabs) -> None:
    panel = _lay_out(lab)
    choice, choices, outputs = panel.chosen, [panel.chosen, panel.others], panel.outputs
    show, shown = bind(lab, show_run), list(part(Shown, outputs))
    gr.Timer(REFRESH_S).tick(
        bind(lab, refresh), [*choices, outputs.state], list(outputs), show_progress="hidden", **PRIVATE
    )
    gr.on([panel.chosen.change, panel.others.change], show, choices, shown, **PRIVATE)
    panel.chosen.change(bind(lab, show_pictures), choice, panel.pictures, **PRIVATE)
    start.started.change(bind(lab, list_choices), start.started, choices, **PRIVATE)
    gr.on(None, bind(lab, list_choices), choice, choices, **PRIVATE)  # when the page opens
    for button, handler in ((panel.cancel, cancel_run), (panel.resume, resume_run)):
        button.click(bind(lab, handler), choice, None, **PRIVATE).success(show, choices, shown, **PRIVATE)
    deleting = panel.delete.click(bind(lab, delete_run), choice, None, **PRIVATE)
    deleting.success(bind(lab, no_choice), None, choices, **PRIVATE)
    filled = [tabs, *start.objective.components, start.source, start.base]
    panel.clone.click(_clone(lab, start, tabs), choice, filled, **PRIVATE)


def _lay_out(lab: Lab) -> WatchPanel:
    value, choices = _first_list(lab)
    table = gr.Dataframe(value, label="Runs, newest first", headers=reports.TABLE_HEADER, interactive=False, wrap=True)
    with gr.Row():
        with gr.Column(min_width=300):
            chosen = AnyDropdown(choices, value=None, label="Run")
            status = gr.Markdown()
            with gr.Row():
                cancel, resume = gr.Button("Cancel, keep what it has"), gr.Button("Resume")
            with gr.Row():
                clone, delete = gr.Button("Clone: other settings"), gr.Button("Delete", variant="stop")
            _give_away(lab, chosen)
        with gr.Column(min_width=320):
            others = gr.Dropdown(choices, multiselect=True, label="Compare with")
            plot = gr.Plot(label="Curves", show_label=False)
            differences = gr.Markdown()
    predictions = gr.Dataframe(
        label="The same held-out examples, before and after",
        headers=reports.PREDICTIONS_HEADER,
        column_widths=["10%", "30%", "30%", "30%"],
        interactive=False,
        wrap=True,
    )
    with gr.Accordion("Pictures of these examples", open=False):
        pictures = gr.Gallery(show_label=False, columns=6, height="auto", format="jpeg", elem_classes="long-captions")
    with gr.Accordion("The log", open=False):
        log = gr.Textbox(show_label=False, lines=12, max_lines=12, interactive=False)
    outputs = Refreshed(table, gr.State(""), status, plot, differences, predictions, log)
    return WatchPanel(chosen, others, outputs, pictures, cancel, resume, clone, delete)


def _first_list(lab: Lab) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """The lab starts even where the place of runs cannot be used; the timer's word says so."""
    try:
        listed = runs_of(lab).list()
        return reports.run_table(runs_of(lab), listed), reports.run_choices(listed)
    except UserError:
        return None, []


def _give_away(lab: Lab, chosen: gr.Dropdown) -> None:
    download = gr.DownloadButton("Download the model as a zip")
    with gr.Accordion("Push to the hub", open=False):
        repo = gr.Textbox(label="Repository", placeholder="me/my-model", info="Needs HF_TOKEN where the lab runs")
        push = gr.Button("Push")
        pushed = gr.Markdown()
    download.click(bind(lab, download_model), chosen, download, **PRIVATE)
    push.click(bind(lab, push_model), [chosen, repo], pushed, **PRIVATE)


def _clone(lab: Lab, start: StartPanel, tabs: gr.Tabs) -> Callable[..., Any]:
    """It fills the components of the other half, which are known here only."""

    def clone_run(id: str | None) -> dict[Any, Any]:
        if not id:
            raise UserError("Choose a run first.")
        return {tabs: gr.Tabs(selected="start"), **start.filled(lab, runs_of(lab).get(id))}

    return translate_errors(clone_run)
