# SPDX-License-Identifier: Apache-2.0

"""What the watch half of the admin page does: shows where runs stand, and cancels, resumes, clones, deletes and gives them away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core.errors import UserError
from core.explain import curves
from core.training.run_folder import RUNNING
from core.training.supervisor.listing import Run
from core.training.supervisor.runs import Runs
from tabs._downloads import write_file
from tabs._lab import Lab
from tabs._outputs import only
from tabs._values import as_text, figure_of, rows
from tabs.admin import reports
from tabs.admin.starting import pictures, runs_of

GONE = "gone"  # in the place of the state of a run that was deleted, as by another window


class Shown(NamedTuple):
    """What is shown of the chosen run."""

    status: Any
    plot: Any
    differences: Any
    predictions: Any
    log: Any


class Refreshed(NamedTuple):
    """What the timer draws anew: the table of runs, the chosen run's state, and what is shown of it."""

    table: Any
    state: Any
    status: Any
    plot: Any
    differences: Any
    predictions: Any
    log: Any


NOTHING = Shown("", None, "", rows(reports.PREDICTIONS_HEADER, []), "")


def show_run(lab: Lab, id: str | None, others: Sequence[str] | None) -> Shown:
    """A run, and its curves over those of others that are still there."""
    return _show(runs_of(lab), _by_id(lab), id, others) if id else NOTHING


def refresh(lab: Lab, id: str | None, others: Sequence[str] | None, state: str) -> Refreshed:
    """What the timer does. What is shown of the chosen run is drawn anew only while it trains, and when its state is no longer
    `state`. Never raises UserError: it would be shown again every two seconds."""
    try:
        runs, there = runs_of(lab), _by_id(lab)
        now = (there[id].state if id in there else GONE) if id else ""
        table = reports.run_table(runs, list(there.values()))
        if not id or (now != RUNNING and now == state):
            return only(Refreshed, table=table, state=now)
        return Refreshed(table, now, *_show(runs, there, id, others))
    except UserError as error:  # deleted in this very moment, or the place of runs cannot be used
        return only(Refreshed, state="", status=as_text(str(error)))


def _by_id(lab: Lab) -> dict[str, Run]:
    """The runs that are there, newest first."""
    return {run.id: run for run in runs_of(lab).list()}


def _show(runs: Runs, there: Mapping[str, Run], id: str, others: Sequence[str] | None) -> Shown:
    if id not in there:
        return NOTHING._replace(status=reports.DELETED)
    run, metrics = there[id], runs.metrics(id)
    compared = runs.compare([id, *(other for other in others or [] if other != id and other in there)])
    named = {f"{one['name']} · {one['id'][-4:]}": one["metrics"] for one in compared}
    return Shown(
        status=reports.status(run, metrics),
        plot=figure_of(curves.drawing(named, reports.task_metrics(run, metrics))),
        differences=reports.differences(compared),
        predictions=reports.predictions(runs.folder(id).predictions(), run.objective),
        log=runs.log(id),
    )


def cancel_run(lab: Lab, id: str | None) -> None:
    runs_of(lab).cancel(_chosen(id))


def resume_run(lab: Lab, id: str | None) -> None:
    runs_of(lab).resume(_chosen(id))


def delete_run(lab: Lab, id: str | None) -> None:
    runs_of(lab).delete(_chosen(id))


def download_model(lab: Lab, id: str | None) -> str:
    """The path of a zip of the model."""
    id = _chosen(id)
    with TemporaryDirectory(prefix="vlm-lab-run-") as folder:
        return write_file(f"{id}.zip", runs_of(lab).zip(id, Path(folder)).read_bytes())


def push_model(lab: Lab, id: str | None, repo: str) -> str:
    """A word that says where on the hub it is."""
    return f"It is at {runs_of(lab).push(_chosen(id), (repo or '').strip())}"


def show_pictures(lab: Lab, id: str | None) -> list[tuple[PIL.Image.Image, str]]:
    """The held-out examples whose predictions are shown, numbered as in their table."""
    if not id:
        return []
    runs = runs_of(lab)
    try:
        run, examples = runs.get(id), runs.folder(id).predicted_examples()
        return pictures(examples, run.objective, numbered=True)
    except UserError:  # deleted, or its pictures were
        return []


def list_choices(lab: Lab, id: str | None) -> tuple[gr.Dropdown, gr.Dropdown]:
    """For the run that is chosen, `id`, and for those it is compared with."""
    there = _by_id(lab)
    choices = reports.run_choices(list(there.values()))
    return gr.Dropdown(choices, value=id if id in there else None), gr.Dropdown(choices)


def no_choice(lab: Lab) -> tuple[gr.Dropdown, gr.Dropdown]:
    return list_choices(lab, None)


def _chosen(id: str | None) -> str:
    if not id:
        raise UserError("Choose a run first.")
    return id
