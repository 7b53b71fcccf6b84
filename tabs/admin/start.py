<<<<<<< HEAD
# SPDX-License-Identifier: Apache-2.0

"""The half of the admin page that starts: what is learned, from which data, after a look at it."""
=======
"""The half of the admin page that starts a run, as it is laid out and bound: what is learned, and from which data."""
>>>>>>> refs/heads/wip-training

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

<<<<<<< HEAD
from core import images
=======
>>>>>>> refs/heads/wip-training
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
                file=gr.File(label="A zip: pictures with metadata.csv", file_types=[".zip"], visible=False),
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
<<<<<<< HEAD

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
=======
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
>>>>>>> refs/heads/wip-training
