# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that watches runs, as it is laid out and bound: curves of several runs, what they predict of the same
pictures, and what can be done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from core.errors import UserError
from tabs._events import in_panel
from tabs._lab import Lab, bind
from tabs._shown import error
from tabs._texts import texts
from tabs.admin.start import StartPanel
from tabs.admin.starting import runs_of
from tabs.admin.watching import (
    Watch,
    cancel_run,
    delete_run,
    download_model,
    first_list,
    list_runs,
    open_page,
    push_model,
    refresh,
    resume_run,
    show_run,
)
from web.errors import translate_errors
from web.inputs import AnyDropdown

SAID = texts("admin")
REFRESH_S = 2.0  # seconds between two refreshes
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
# Opened again, the page shows the run that it showed.
REMEMBER = "(id) => { history.replaceState(null, '', id ? `?run=${encodeURIComponent(id)}` : location.pathname) }"
# Who has clicked a tab, or anything in it, before this is answered must not be taken elsewhere. Gradio tells nothing of a click on
# the tab that is open.
OPENING = """() => {
  const tabs = document.querySelector("#run-tabs")
  tabs.addEventListener("click", () => { tabs.dataset.picked = "yes" }, { once: true })
  return [location.search]
}"""
PICKED = """(chosen) => [chosen, document.querySelector("#run-tabs").dataset.picked ?? ""]"""
# Gradio's button downloads what it was given before it was clicked.
DOWNLOAD = "(file) => { if (file) setTimeout(() => document.querySelector('#model-zip')?.click(), 200) }"


def build(lab: Lab, page: gr.Blocks, start: StartPanel, tabs: gr.Tabs) -> None:
    outputs, take = _lay_out(lab)
    choices, every = [outputs.chosen, outputs.others], list(outputs)

    def on(handler: Callable[..., Iterator[Watch]]) -> dict[str, Any]:
        return {"fn": bind(lab, in_panel(handler, Watch)), "outputs": every, **PRIVATE}

    quiet: dict[str, Any] = {"show_progress": "hidden"}
    gr.Timer(REFRESH_S).tick(bind(lab, refresh), [*choices, outputs.state], every, **quiet, **PRIVATE)
    gr.on([outputs.chosen.change, outputs.others.change], inputs=choices, **on(show_run), **quiet)
    outputs.chosen.change(None, outputs.chosen, None, js=REMEMBER, **PRIVATE)
    query = gr.Textbox(visible="hidden")
    opening = page.load(inputs=query, js=OPENING, **on(open_page), **quiet)
    opening.then(_first_tab, [outputs.chosen, query], tabs, js=PICKED, **quiet, **PRIVATE)
    start.started.change(inputs=start.started, **on(list_runs), **quiet)
    start.started.change(lambda: _tab("watch"), None, tabs, **quiet, **PRIVATE)
    for button, handler in ((outputs.cancel, cancel_run), (outputs.resume, resume_run)):
        button.click(inputs=choices, **on(handler), show_progress_on=outputs.status)
    outputs.delete.click(inputs=outputs.chosen, **on(delete_run), show_progress_on=outputs.status)
    zipped = take.download.click(inputs=outputs.chosen, **on(download_model), show_progress_on=outputs.pushed)
    zipped.then(None, outputs.file, None, js=DOWNLOAD, **PRIVATE)
    take.push.click(inputs=[outputs.chosen, take.repo], **on(push_model), show_progress_on=outputs.pushed)
    filled = [
        tabs,
        outputs.error,
        *start.objective.components,
        *start.objective.folded.values(),
        start.source,
        start.base,
    ]
    outputs.duplicate.click(_duplicate(lab, start, tabs, outputs.error), outputs.chosen, filled, **PRIVATE)


class _Take:
    """The buttons that take a model away."""

    def __init__(self) -> None:
        self.download = gr.Button(SAID.download)
        with gr.Accordion(SAID.push_to_hub, open=False):
            self.repo = gr.Textbox(
                label=SAID.repository, placeholder=SAID.repository_example, info=SAID.repository_hint
            )
            self.push = gr.Button(SAID.push)


def _lay_out(lab: Lab) -> tuple[Watch, _Take]:
    listed, choices = first_list(lab)
    wrong, table = gr.HTML(label="error"), gr.HTML(listed, label="runs")
    with gr.Row():
        chosen = AnyDropdown(choices, value=None, label=SAID.run, visible=bool(choices))
        others = gr.Dropdown(choices, multiselect=True, label=SAID.compare, visible=len(choices) > 1)
    with gr.Column(visible=False, elem_classes="result") as details:
        with gr.Row(elem_classes="task"):
            with gr.Column(min_width=300, scale=2):
                status, uses = gr.Markdown(label="where it stands"), gr.HTML(label="uses")
                with gr.Row():
                    cancel, resume = gr.Button(SAID.cancel), gr.Button(SAID.resume)
                    duplicate, delete = gr.Button(SAID.duplicate), gr.Button(SAID.delete, variant="stop")
                with gr.Column() as give:
                    take = _Take()
                    file = gr.DownloadButton(elem_id="model-zip")  # never shown
                    pushed = gr.Markdown(label="pushed")
            with gr.Column(min_width=300, scale=3):
                curves, differences = gr.HTML(label="curves"), gr.Markdown(label="differences")
        predictions = gr.HTML(label="predictions")
        with gr.Accordion(SAID.log, open=False):
            log = gr.HTML(label="log", elem_classes="log")
    return Watch(
        error=wrong,
        table=table,
        chosen=chosen,
        others=others,
        # In the page, not on the server: where an update is lost while tabs change, this is lost with it, and the next tick mends both.
        state=gr.Textbox("", visible="hidden", label="state"),
        details=details,
        status=status,
        uses=uses,
        curves=curves,
        differences=differences,
        predictions=predictions,
        log=log,
        cancel=cancel,
        resume=resume,
        duplicate=duplicate,
        delete=delete,
        give=give,
        file=file,
        pushed=pushed,
    ), take


def _tab(name: str) -> gr.Tabs:
    return gr.Tabs(selected=name)


def _first_tab(chosen: str | None, picked: str) -> Any:
    return gr.skip() if picked else _tab("watch" if chosen else "start")


def _duplicate(lab: Lab, start: StartPanel, tabs: gr.Tabs, wrong: gr.HTML) -> Callable[..., Any]:
    """It fills the components of the other half, which are known here only."""

    def duplicate_run(id: str | None) -> dict[Any, Any]:
        if not id:
            return {wrong: error(SAID.choose_first)}
        try:
            return {tabs: _tab("start"), wrong: "", **start.filled(lab, runs_of(lab).get(id))}
        except UserError as refused:
            return {wrong: error(str(refused))}

    return translate_errors(duplicate_run)
