# SPDX-License-Identifier: Apache-2.0

"""What the watch half of the admin page does: shows where runs stand, and cancels, resumes, deletes and gives them away."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import gradio as gr

from core.errors import UserError
from core.training import find_objective
from core.training.run_folder import CANCELLED, FINISHED, RUNNING
from core.training.supervisor.listing import Run
from core.training.supervisor.runs import Runs
from tabs._downloads import write_file
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import error
from tabs._texts import texts
from tabs._values import as_text
from tabs.admin import reports
from tabs.admin.starting import runs_of
from tabs.admin.uses import buttons

SAID = texts("admin")
GONE = "gone"  # in the place of the state of a run that was deleted, as by another window
LAB = "../"  # from this page to the lab's


class Watch(NamedTuple):
    """The outputs. `state` is the chosen run's, with which of its predictions are there; `details` hold what is shown of it, and
    `give` the ways to take its model away."""

    error: Any
    table: Any
    chosen: Any
    others: Any
    state: Any
    details: Any
    status: Any
    uses: Any
    curves: Any
    differences: Any
    predictions: Any
    log: Any
    cancel: Any
    resume: Any
    duplicate: Any
    delete: Any
    give: Any
    file: Any
    pushed: Any


def open_page(lab: Lab, query: str = "") -> Iterator[Watch]:
    """The run that the address names; without, the newest."""
    there = _by_id(lab)
    asked = parse_qs(query[:4_000].lstrip("?")).get("run", [""])[0]
    yield _list(lab, asked if asked in there else next(iter(there), None))


def list_runs(lab: Lab, id: str | None) -> Iterator[Watch]:
    """What can be chosen, with the run `id` chosen."""
    yield _list(lab, id)


def show_run(lab: Lab, id: str | None, others: Sequence[str] | None) -> Iterator[Watch]:
    """A run, and its curves over those of others that are still there."""
    yield _show(lab, _by_id(lab), id, others)


def refresh(lab: Lab, id: str | None, others: Sequence[str] | None, state: str) -> Watch:
    """What the timer does. What is shown of the chosen run is drawn anew only while it trains, and when its state is no longer
    `state`. Never raises UserError, and lets what went wrong before stand."""
    try:
        there = _by_id(lab)
        table = reports.run_table(runs_of(lab), list(there.values()))
        now = _state(runs_of(lab), there, id)
        training = id in there and there[id].state == RUNNING
        if not id or (now == state and not training):
            return only(Watch, table=table, state=now)
        shown = _show(lab, there, id, others)._replace(table=table)
        return shown._replace(predictions=gr.skip(), uses=gr.skip()) if now == state else shown
    except UserError as wrong:  # deleted in this very moment, or the place of runs cannot be used
        return only(Watch, state="", status=as_text(str(wrong)))


def cancel_run(lab: Lab, id: str | None, others: Sequence[str] | None) -> Iterator[Watch]:
    runs_of(lab).cancel(_chosen(id))
    yield _show(lab, _by_id(lab), id, others)


def resume_run(lab: Lab, id: str | None, others: Sequence[str] | None) -> Iterator[Watch]:
    runs_of(lab).resume(_chosen(id))
    yield _show(lab, _by_id(lab), id, others)


def delete_run(lab: Lab, id: str | None) -> Iterator[Watch]:
    runs_of(lab).delete(_chosen(id))
    yield _list(lab, None)


def download_model(lab: Lab, id: str | None) -> Iterator[Watch]:
    """A zip of the model."""
    yield only(Watch, file=None)
    id = _chosen(id)
    with TemporaryDirectory(prefix="vlm-lab-run-") as folder:
        yield only(Watch, file=write_file(f"{id}.zip", runs_of(lab).zip(id, Path(folder)).read_bytes()))


def push_model(lab: Lab, id: str | None, repo: str) -> Iterator[Watch]:
    """Says where on the hub it is."""
    address = runs_of(lab).push(_chosen(id), (repo or "").strip())
    yield only(Watch, pushed=SAID("pushed", address=address))


def first_list(lab: Lab) -> tuple[str, list[tuple[str, str]]]:
    """The table and what can be chosen, as the lab starts: it does so even where the place of runs cannot be used."""
    try:
        listed = runs_of(lab).list()
        return reports.run_table(runs_of(lab), listed), reports.run_choices(listed)
    except UserError as wrong:
        return error(str(wrong)), []


def _by_id(lab: Lab) -> dict[str, Run]:
    """The runs that are there, newest first."""
    return {run.id: run for run in runs_of(lab).list()}


def _list(lab: Lab, id: str | None) -> Watch:
    there = _by_id(lab)
    choices = reports.run_choices(list(there.values()))
    return only(
        Watch,
        table=reports.run_table(runs_of(lab), list(there.values())),
        chosen=gr.Dropdown(choices, value=id if id in there else None, visible=bool(choices)),
        others=gr.Dropdown(choices, visible=len(choices) > 1),
    )


def _state(runs: Runs, there: Mapping[str, Run], id: str | None) -> str:
    if not id or id not in there:
        return GONE if id else ""
    predicted = (when for when in ("before", "after") if when in runs.folder(id).predictions())
    return " ".join([there[id].state, *predicted])


def _show(lab: Lab, there: Mapping[str, Run], id: str | None, others: Sequence[str] | None) -> Watch:
    if not id:
        return only(Watch, state="", details=gr.Column(visible=False))
    if id not in there:
        said = dict.fromkeys(("uses", "curves", "differences", "predictions", "log"), "")
        return only(
            Watch, state=GONE, details=gr.Column(visible=True), status=SAID.deleted, **said, **_can(None, model=False)
        )
    runs, run = runs_of(lab), there[id]
    folder = runs.folder(id)
    compared = runs.compare([id, *(other for other in others or [] if other != id and other in there)])
    named = {f"{one['name']} · {one['id'][-4:]}": (there[one["id"]], one["metrics"]) for one in compared}
    return only(
        Watch,
        state=_state(runs, there, id),
        details=gr.Column(visible=True),
        status=reports.status(run, runs.metrics(id)),
        uses=buttons(lab, id, LAB) if run.state in (FINISHED, CANCELLED) else "",
        curves=reports.curves_of(named),
        differences=reports.differences(compared),
        predictions=reports.predictions(folder.predictions(), run.objective, folder.predicted_examples()),
        log=f"<pre>{html.escape(runs.log(id))}</pre>",
        **_can(run, folder.model.is_dir()),
    )


def _can(run: Run | None, model: bool) -> dict[str, Any]:
    """What can be done with a run: a button is there where it does something."""
    training = run is not None and run.state == RUNNING
    stopping = training and run is not None and run.stopping
    known = run is not None and find_objective(run.objective) is not None
    over = run is not None and not training
    return {
        "cancel": gr.Button(
            SAID.stopping if stopping else SAID.cancel, visible=bool(training), interactive=not stopping
        ),
        "resume": gr.Button(visible=bool(over and known and run and run.state != FINISHED)),
        "duplicate": gr.Button(visible=known),
        "delete": gr.Button(visible=over),
        "give": gr.Column(visible=bool(model and run and run.state in (FINISHED, CANCELLED))),
    }


def _chosen(id: str | None) -> str:
    if not id:
        raise UserError(SAID.choose_first)
    return id
