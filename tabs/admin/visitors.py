# SPDX-License-Identifier: Apache-2.0

"""The tab that everyone sees: finished runs to look at, and the way in for the admin. Of a run that is not finished nothing is
shown, and of any no file, no path and no log."""

from __future__ import annotations

import html
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import gradio as gr

from core.errors import UserError
from core.training import all_objectives, find_objective
from core.training.run_folder import FINISHED
from core.training.supervisor.listing import Run
from tabs._lab import Lab, bind
from tabs._texts import texts
from tabs.admin import reports
from tabs.admin.tables import link, table
from tabs.admin.uses import buttons

SAID = texts("admin")
OPEN_DATA = ("gallery", "scenes")  # made of pictures that everyone may see
# What the address asks for is brought into view, the list above it is long on a phone.
INTO_VIEW = (
    "() => { if (new URLSearchParams(location.search).get('run'))"
    " document.querySelector('#result-admin')?.scrollIntoView({ block: 'start' }) }"
)


class Shown(NamedTuple):
    """The list of finished runs, and one of them: its name with what is known of it, its curves, its predictions."""

    runs: Any
    head: Any
    curves: Any
    predictions: Any


def build(lab: Lab) -> None:
    gr.Markdown(SAID.about, elem_classes="about")
    with gr.Row(elem_classes="task"):
        with gr.Column(min_width=300, scale=3):
            listed = gr.HTML(label="runs")
        with gr.Column(min_width=260, scale=1):
            gr.HTML(way_in(lab), elem_classes="way-in")
    with gr.Column(elem_classes="result", elem_id="result-admin"):
        head = gr.HTML(label="run")
        with gr.Row(elem_classes="task"):
            with gr.Column(min_width=300, scale=2):
                curves = gr.HTML(label="curves")
            with gr.Column(min_width=300, scale=3):
                predictions = gr.HTML(label="predictions")
    outputs = Shown(listed, head, curves, predictions)
    query = gr.Textbox(visible="hidden")
    opening = gr.Button(visible="hidden", elem_id="open-admin")
    opening.click(
        bind(lab, show), query, list(outputs), js="() => [location.search]", api_visibility="private"
    ).success(None, None, None, js=INTO_VIEW, api_visibility="private")


def show(lab: Lab, query: str = "") -> Shown:
    """The finished runs, and the one that the address names."""
    if lab.runs is None:
        return _said(SAID.no_place if not lab.admin_sessions else SAID.no_runs)
    try:
        finished = [run for run in lab.runs.list() if run.state == FINISHED]
        asked = parse_qs(query[:4_000].lstrip("?")).get("run", [""])[0]
        chosen = next((run for run in finished if key(run) == asked), None)
        return Shown(_list(lab, finished), *(_details(lab, chosen) if chosen else _nothing(asked)))
    except UserError:  # what it says names files
        return _said(SAID.not_reachable)


def key(run: Run) -> str:
    """By which an address names a run: its id is the name of a folder."""
    return blake2b(run.id.encode(), digest_size=6).hexdigest()


def way_in(lab: Lab) -> str:
    """How to sign in, with the form where there is a password; or why nobody can. As HTML."""
    heading = f"<h2>{html.escape(SAID.sign_in)}</h2>"
    if lab.admin_sessions is None:
        return f'{heading}<p class="note">{html.escape(lab.settings.why_no_admin)}</p>'
    how = (
        f'<form method="post" action="/admin/sign-in" class="sign-in"><label for="admin-password">{SAID.password}</label>'
        '<input id="admin-password" name="password" type="password" autocomplete="current-password" required>'
        f'<button class="lg primary">{html.escape(SAID.sign_in)}</button></form>'
        if lab.admin_sessions.has_password
        else f"<p>{html.escape(SAID.by_link)}</p>"
    )
    return f"{heading}<p>{html.escape(SAID.sign_in_why)}</p>{how}<p>{link(SAID.already, '/admin/')}</p>"


def _said(words: str) -> Shown:
    return Shown(f"<h2>{html.escape(SAID.runs)}</h2><p>{html.escape(words)}</p>", "", "", "")


def _nothing(asked: str) -> tuple[str, str, str]:
    return (f"<p>{html.escape(SAID.gone)}</p>" if asked else "", "", "")


def _list(lab: Lab, finished: list[Run]) -> str:
    assert lab.runs is not None
    if not finished:
        return f"{_said(SAID.no_runs).runs}{_trainable()}"
    data = [
        [
            link(run.name, f"?tab=admin&run={key(run)}"),
            html.escape(learned(run)),
            html.escape(reports.result(run, lab.runs.metrics(run.id))),
            html.escape(data_of(run)),
        ]
        for run in finished
    ]
    listed = table(SAID.choose, [SAID.name, SAID.objective, SAID.result, SAID.data], data)
    return f"<h2>{html.escape(SAID.runs)}</h2>{listed}{_trainable()}"


def _trainable() -> str:
    """What a run can learn, of which data, and by which figure it is judged."""
    data = [[html.escape(words) for words in (one.title, ", ".join(one.needs), one.metric)] for one in all_objectives()]
    listed = table(SAID.trainable_about, [SAID.what, SAID.each_example, SAID.judged_by], data)
    return f"<h2>{html.escape(SAID.trainable)}</h2>{listed}"


def _details(lab: Lab, run: Run) -> tuple[str, str, str]:
    assert lab.runs is not None
    metrics, folder = lab.runs.metrics(run.id), lab.runs.folder(run.id)
    facts = [SAID("facts", objective=learned(run), steps=run.step, data=data_of(run))]
    if measured := reports.result(run, metrics):
        facts.append(f"{measured}.")
    head = "".join(f"<p>{html.escape(fact)}</p>" for fact in facts)
    pictures = folder.predicted_examples() if run.data in OPEN_DATA else []
    return (
        f'<h2 class="headline">{html.escape(run.name)}</h2>{head}{buttons(lab, run.id)}',
        reports.curves_of({run.name: (run, metrics)}),
        reports.predictions(folder.predictions(), run.objective, pictures),
    )


def learned(run: Run) -> str:
    objective = find_objective(run.objective)
    return objective.title if objective else run.objective


def data_of(run: Run) -> str:
    """Where the examples came from, for people."""
    kind, _, name = run.data.partition(":")
    if kind == "gallery" and name:
        return SAID("data_kept", name=name)
    if kind == "hub" and name:
        return SAID("data_hub", name=name)
    return {"gallery": SAID.data_gallery, "scenes": SAID.data_scenes, "zip": SAID.data_zip}.get(
        run.data, SAID.data_other
    )
