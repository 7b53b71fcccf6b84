# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that starts: what is learned, from which data, after a look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.components import Component

from core import images
from core.models.family import EMBEDDED
from core.training import OBJECTIVES, all_objectives, find_objective, need_base
from core.training.data import loading as sets
from core.training.data.check import check
from core.training.data.example import Example
from core.training.request import Request, source_of
from core.training.supervisor.listing import Run
from tabs import _galleries
from tabs._jobs import stepper
from tabs._lab import Lab
from tabs.admin.form import Form
from web.errors import translate_errors

BUNDLED = ("gallery", "scenes")
SHOWN, SIDE = 8, 256  # examples to look at, and their pixels


@dataclass(frozen=True)
class Start:
    """What another part of the page needs of this one. `started` holds the id of the run that was started last."""

    form: Form
    source: gr.Dropdown
    start_from: gr.Dropdown
    started: gr.State

    def filled(self, lab: Lab, run: Run) -> dict[Component, Any]:
        """Updates that show the settings, the base and the data of a run."""
        return {
            **self.form.filled(run.objective, run.settings),
            self.source: gr.Dropdown(
                [*_sources(lab), (f"the data of {run.name}", f"run:{run.id}")], value=f"run:{run.id}"
            ),
            self.start_from: gr.Dropdown(_bases(lab, run.objective), value=run.base),
        }


def build(lab: Lab) -> Start:
    runs = lab.runs
    assert runs is not None
    started = gr.State("")
    with gr.Row():
        with gr.Column(min_width=300):
            form = Form(all_objectives())
        with gr.Column(min_width=300):
            source = gr.Dropdown(
                _sources(lab), value=OBJECTIVES.get(form.first).data, label="Data", allow_custom_value=True
            )
            file = gr.File(label="A zip: pictures with metadata.csv", file_types=[".zip"], visible=False)
            count = gr.Number(sets.SCENES, label="How many", precision=0, minimum=10, maximum=sets.MOST, visible=False)
            hub = gr.Textbox(label="Id of a dataset on the hub", placeholder="user/dataset", visible=False)
            start_from = gr.Dropdown(_bases(lab, form.first), value=EMBEDDED, label="Starts from")
            name = gr.Textbox(label="Name of the run", max_length=80, placeholder="my first run")
            with gr.Row():
                look = gr.Button("Look at the data")
                start = gr.Button("Start", variant="primary")
            said = gr.Markdown()
            pictures = gr.Gallery(
                label="Some of the examples", columns=4, height="auto", format="jpeg", elem_classes="told"
            )

    def asked(values: Mapping[Component, Any]) -> Request:
        objective, settings = form.read(values)
        where = f"hub:{values[hub] or ''}" if values[source] == "hub" else str(values[source])
        return Request(objective, where, settings, str(values[start_from]), str(values[name] or ""))

    def examples(request: Request, values: Mapping[Component, Any], into: str, progress: gr.Progress) -> list[Example]:
        archive = Path(values[file]) if values[file] else None
        rows, step = int(values[count] or sets.SCENES), stepper(progress, "Making the data ready")
        return sets.load(source_of(request, archive, rows), Path(into), lab.store, runs, step)

    @translate_errors
    def looked(
        values: dict[Component, Any],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        request = asked(values)
        with TemporaryDirectory(prefix="vlm-lab-look-") as folder:
            found = check(examples(request, values, folder, progress), OBJECTIVES.get(request.objective))
            shown = [
                (images.thumbnail(one.picture(), SIDE), told(one, request.objective)) for one in found.samples(SHOWN)
            ]
        return found.summary(), shown

    @translate_errors
    def begun(
        values: dict[Component, Any],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, str]:
        request = asked(values)
        need_base(lab.models, request.objective, request.base)
        with TemporaryDirectory(prefix="vlm-lab-data-") as folder:
            id = runs.start(request, examples(request, values, folder, progress))
        return id, "It has started: see “Watch”."

    def chosen(objective: str, where: str) -> tuple[Any, Any]:
        """What suits another objective. A visitor's input alone asks for it: a clone brings a base and data of its own."""
        bases, bundled = _bases(lab, objective), where in BUNDLED
        return gr.Dropdown(bases, value=bases[0][1]), OBJECTIVES.get(objective).data if bundled else gr.skip()

    form.choice.input(chosen, [form.choice, source], [start_from, source], api_visibility="private")
    inputs = {*form.components, source, file, count, hub, start_from, name}
    look.click(looked, inputs, [said, pictures], api_visibility="private")
    start.click(begun, inputs, [started, said], api_visibility="private")
    gr.on(None, lambda: gr.Dropdown(_sources(lab)), None, source, api_visibility="private")  # when the page opens
    source.change(
        lambda where: (
            gr.File(visible=where == "zip"),
            gr.Number(visible=where in ("scenes", "hub")),
            gr.Textbox(visible=where == "hub"),
        ),
        source,
        [file, count, hub],
        api_visibility="private",
    )
    return Start(form, source, start_from, started)


def told(example: Example, objective: str) -> str:
    """What an example says of its picture to an objective, in one line."""
    kind = find_objective(objective)
    needs = kind.needs if kind else ("text", "question", "answer", "label")
    return " ".join(getattr(example, name) for name in needs if name not in ("image", "mask"))


def _bases(lab: Lab, objective: str) -> list[tuple[str, str]]:
    return [(lab.models.catalog.label(name), name) for name in OBJECTIVES.get(objective).bases(lab.models)]


def _sources(lab: Lab) -> list[tuple[str, str]]:
    kept = [(title, f"gallery:{name}") for title, name in _galleries.choices(lab, None)[1:]]
    made = [
        ("composed scenes: objects pasted on photographs", "scenes"),
        ("the demo gallery: pictures with captions", "gallery"),
    ]
    return [*made, *kept, ("a zip of mine", "zip"), ("a dataset on the hub", "hub")]
