<<<<<<< HEAD
# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that watches: curves of several runs, what they say of the same pictures, and what to do with them."""
=======
"""The half of the admin page that watches runs, as it is laid out and bound: curves of several runs, what they predict of the same
pictures, and what can be done with them."""
>>>>>>> refs/heads/wip-training

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

<<<<<<< HEAD
from core import images
=======
>>>>>>> refs/heads/wip-training
from core.errors import UserError
from tabs._lab import Lab, bind
from tabs.admin import reports
from tabs.admin.start import StartPanel
from tabs.admin.starting import runs_of
from tabs.admin.watching import (
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

EVERY_S = 2.0  # seconds between two refreshes
PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def build(lab: Lab, start: StartPanel, tabs: gr.Tabs) -> None:
    table, choices = _first_list(lab)
    listed = gr.Dataframe(table, label="Runs, newest first", headers=reports.LIST_HEADER, interactive=False, wrap=True)
    with gr.Row():
        with gr.Column(min_width=300):
            chosen = AnyDropdown(choices, value=None, label="Run")
            status = gr.Markdown()
            with gr.Row():
                cancel = gr.Button("Cancel, keep what it has")
                resume = gr.Button("Resume")
            with gr.Row():
                clone = gr.Button("Clone: other settings")
                delete = gr.Button("Delete", variant="stop")
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
    state, shown = gr.State(""), list(Shown(status, plot, differences, predictions, log))

    show = bind(lab, show_run)
    gr.Timer(EVERY_S).tick(
        bind(lab, refresh), [chosen, others, state], [listed, state, *shown], show_progress="hidden", **PRIVATE
    )
    gr.on([chosen.change, others.change], show, [chosen, others], shown, **PRIVATE)
    chosen.change(bind(lab, show_pictures), chosen, pictures, **PRIVATE)
    start.started.change(bind(lab, list_choices), start.started, [chosen, others], **PRIVATE)
    gr.on(None, bind(lab, list_choices), chosen, [chosen, others], **PRIVATE)  # when the page opens
    for button, handler in ((cancel, cancel_run), (resume, resume_run)):
        button.click(bind(lab, handler), chosen, None, **PRIVATE).success(show, [chosen, others], shown, **PRIVATE)
    deleting = delete.click(bind(lab, delete_run), chosen, None, **PRIVATE)
    deleting.success(bind(lab, no_choice), None, [chosen, others], **PRIVATE)
    filled = [tabs, *start.objective.components, start.source, start.base]
    clone.click(_clone(lab, start, tabs), chosen, filled, **PRIVATE)


def _first_list(lab: Lab) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
    """The lab starts even where the place of runs cannot be used; the timer's word says so."""
    try:
        return reports.run_list(runs_of(lab)), reports.run_choices(runs_of(lab))
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

<<<<<<< HEAD
    @translate_errors
    def looked(id: str | None, others: list[str], before: str) -> tuple[Any, ...]:
        """What the timer does: nothing but a look at the list, unless the run shown has moved."""
        now = _listed(runs)
        state = runs.get(id).state if id else ""
        if not id or (state != RUNNING and state == before):
            return now, state, *(gr.skip(),) * 5
        return now, state, *watched(id, others)

    @translate_errors
    def cancelled(id: str | None) -> None:
        runs.cancel(_there(id))

    @translate_errors
    def resumed(id: str | None) -> None:
        runs.resume(_there(id))

    @translate_errors
    def deleted(id: str | None) -> None:
        runs.delete(_there(id))

    @translate_errors
    def cloned(id: str | None) -> dict[Any, Any]:
        return {tabs: gr.Tabs(selected="start"), **start.filled(lab, runs.get(_there(id)))}

    @translate_errors
    def zipped(id: str | None) -> str:
        return write_file(f"{_there(id)}.zip", _zipped(runs, _there(id)))

    @translate_errors
    def pushing(id: str | None, repo: str) -> str:
        return f"It is at {runs.push(_there(id), (repo or '').strip())}"

    @translate_errors
    def seen(id: str | None) -> list[tuple[Any, str]]:
        if not id:
            return []
        examples, objective = runs.folder(id).predicted_examples(), runs.get(id).objective
        return [
            (images.thumbnail(one.picture(), SIDE), f"{row}. {told(one, objective)}")
            for row, one in enumerate(examples, 1)
        ]

    private: dict[str, Any] = {"api_visibility": "private"}
    state = gr.State("")
    outputs = [status, plot, differing, said, log]
    timer.tick(looked, [chosen, others, state], [listed, state, *outputs], show_progress="hidden", **private)
    gr.on([chosen.change, others.change], watched, [chosen, others], outputs, **private)
    chosen.change(seen, chosen, pictures, **private)
    both = lambda id: (gr.Dropdown(_choices(runs), value=id), gr.Dropdown(_choices(runs)))  # noqa: E731
    start.started.change(both, start.started, [chosen, others], **private)
    gr.on(None, both, chosen, [chosen, others], **private)  # when the page opens
    for button, method in ((cancel, cancelled), (resume, resumed)):
        button.click(method, chosen, None, **private).success(watched, [chosen, others], outputs, **private)
    delete.click(deleted, chosen, None, **private).success(lambda: both(None), None, [chosen, others], **private)
    clone.click(cloned, chosen, [tabs, *start.form.components, start.source, start.start_from], **private)
    download.click(zipped, chosen, download, **private)
    push.click(pushing, [chosen, repo], pushed, **private)


def _there(id: str | None) -> str:
    if not id:
        raise UserError("Choose a run first.")
    return id


def _zipped(runs: Runs, id: str) -> bytes:
    with TemporaryDirectory(prefix="vlm-lab-run-") as folder:
        return runs.zip(id, Path(folder)).read_bytes()


def _listed(runs: Runs) -> dict[str, Any]:
    rows = []
    for run in runs.list():
        metrics = runs.folder(run.id).metrics()
        updates = f"{run.step} of {run.steps}"
        rows.append([run.name, run.state, _figure(run, metrics), updates, run.objective, run.data])
    return {"headers": LISTED, "data": rows}


def _choices(runs: Runs) -> list[tuple[str, str]]:
    return [(f"{run.name} · {run.objective} · {run.id[-4:]}", run.id) for run in runs.list()]


def _figure(run: Run, metrics: list[dict[str, Any]]) -> str:
    """The task's own figure, before and now."""
    objective = find_objective(run.objective)
    name = objective.metric if objective else ""
    rows = [row[name] for row in metrics if name in row]
    return f"{name} {rows[0]:.3f} → {rows[-1]:.3f}" if rows else ""


def _figures(run: Run, metrics: list[dict[str, Any]]) -> list[str]:
    """The names of what the task measures, its own figure first."""
    names = dict.fromkeys(name for row in metrics for name in row)
    own = [name for name in names if name not in UNITS and not name.startswith(("eval_", "train_"))]
    objective = find_objective(run.objective)
    first = objective.metric if objective else ""
    return sorted(own, key=lambda name: name != first)[:3]


def _status(run: Run, metrics: list[dict[str, Any]]) -> str:
    lines = [
        f"**{html.escape(run.name)}**: {STATES[run.state]}"
        + (f", {run.stage}" if run.stage not in ("", "training") else "")
    ]
    if run.reason:
        lines.append(html.escape(run.reason))
    last = next((row for row in reversed(metrics) if "loss" in row), {})
    if last:
        lines.append(
            f"update {run.step} of {run.steps} · loss {last['loss']:.3f} · learning rate {last.get('learning_rate', 0):.2g} · "
            f"{last['examples_per_second']:.0f} examples a second · {last['memory_mb']:.0f} MB"
        )
        if run.state == RUNNING:
            lines.append(f"about {last['seconds_left']:.0f} s left")
    if figure := _figure(run, metrics):
        lines.append(figure)
    return "  \n".join(lines)


def _differing(together: list[dict[str, Any]]) -> str:
    """Where the settings of compared runs are not alike."""
    if len(together) < 2:
        return ""
    lines = [
        f"- {html.escape(one['name'])}: " + ", ".join(f"{name} {value}" for name, value in one["settings"].items())
        for one in together
    ]
    return "\n".join(["What differs:", *lines])


def _said(predictions: dict[str, Any], objective: str) -> list[list[str]]:
    examples = predictions.get("examples", [])
    before, after = (predictions.get(when) or [""] * len(examples) for when in ("before", "after"))
    rows = enumerate(zip(examples, before, after, strict=True), 1)
    return [[str(row), told(Example(**example), objective), was, now] for row, (example, was, now) in rows]
=======
    return translate_errors(clone_run)
>>>>>>> refs/heads/wip-training
