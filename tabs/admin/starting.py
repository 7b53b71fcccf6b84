# SPDX-License-Identifier: Apache-2.0

"""What the start half of the admin page does: shows examples of the data, and starts the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.models.family import EMBEDDED
from core.training import OBJECTIVES, find_objective, need_base
from core.training.data.check import check
from core.training.data.example import Example
from core.training.data.loading import load
from core.training.request import Request, source_of
from core.training.supervisor.runs import Runs
from tabs import _galleries
from tabs._jobs import stepper
from tabs._lab import Lab
from tabs._outputs import only
from tabs._texts import texts

SAID = texts("admin")
BUNDLED = ("gallery", "scenes")
EXAMPLES, EXAMPLE_SIDE = 8, 256  # examples that are shown, and their pixels
Choices = list[tuple[str, str]]  # (what is shown, value)


@dataclass(frozen=True)
class StartForm:
    """What a person filled in. `source` is one of `sources`; `file` an uploaded zip, `rows` how many to make or fetch, `hub_id`
    which dataset, where the source asks for them."""

    objective: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = "gallery"
    file: str | None = None
    rows: int | None = None
    hub_id: str = ""
    base: str = EMBEDDED
    name: str = ""

    def request(self) -> Request:
        data = f"hub:{self.hub_id}" if self.source == "hub" else self.source
        return Request(self.objective, data, self.settings, self.base, self.name)


class Started(NamedTuple):
    """What went wrong, a word to the person, some of the examples, and the id of the run that was started."""

    error: Any
    note: Any
    examples: Any
    started: Any


def show_examples(lab: Lab, form: StartForm, progress: gr.Progress) -> Iterator[Started]:
    """What can be used and what cannot, and some of the pictures with what goes with them."""
    objective = OBJECTIVES.get(form.objective)
    with TemporaryDirectory(prefix="vlm-lab-examples-") as folder:
        found = check(_examples(lab, form, folder, progress), objective)
        shown = pictures(found.samples(EXAMPLES), form.objective)
        yield only(Started, note=found.summary(), examples=gr.Gallery(shown, visible=bool(shown)))


def start_run(lab: Lab, form: StartForm, progress: gr.Progress) -> Iterator[Started]:
    """The new run. Refused before any data are made while another trains or is being prepared."""
    request = form.request()
    with runs_of(lab).preparing(form.name):
        need_base(lab.models, request.objective, request.base)
        with TemporaryDirectory(prefix="vlm-lab-data-") as folder:
            examples = _examples(lab, form, folder, progress)
            id = runs_of(lab).start(request, examples, stepper(progress, SAID.comparing))
    yield only(Started, note=SAID.started, started=id)


def suit_objective(lab: Lab, objective: str, source: str) -> tuple[Any, Any]:
    """The bases and the data that suit another objective; data of one's own stay chosen."""
    found = bases(lab, objective)
    data = OBJECTIVES.get(objective).data if source in BUNDLED else gr.skip()
    return gr.Dropdown(found, value=found[0][1]), data


def suit_source(source: str) -> tuple[Any, Any, Any]:
    """Which of the file, the number of rows and the dataset's id this source asks for."""
    return (
        gr.File(visible=source == "zip"),
        gr.Number(visible=source in ("scenes", "hub")),
        gr.Textbox(visible=source == "hub"),
    )


def bases(lab: Lab, objective: str) -> Choices:
    return [(lab.models.catalog.label(name), name) for name in OBJECTIVES.get(objective).bases(lab.models)]


def sources(lab: Lab) -> Choices:
    kept = [(title, f"gallery:{name}") for title, name in _galleries.choices(lab, None)[1:]]
    made = [
        (SAID.source_scenes, "scenes"),
        (SAID.source_gallery, "gallery"),
    ]
    return [*made, *kept, (SAID.source_zip, "zip"), (SAID.source_hub, "hub")]


def pictures(examples: list[Example], objective: str) -> list[tuple[PIL.Image.Image, str]]:
    """(thumbnail, caption) of each."""
    return [(images.read(one.image, EXAMPLE_SIDE).image, described(one, objective)) for one in examples]


def described(example: Example, objective: str) -> str:
    """What goes with an example's picture for this objective, in one line."""
    known = find_objective(objective)
    fields = known.needs if known else ("text", "question", "answer", "label")
    return " ".join(getattr(example, name) for name in fields if name not in ("image", "mask")).strip()


def runs_of(lab: Lab) -> Runs:
    """The lab's; there is no admin page without them."""
    assert lab.runs is not None
    return lab.runs


def _examples(lab: Lab, form: StartForm, into: str, progress: gr.Progress) -> list[Example]:
    source = source_of(form.request(), Path(form.file) if form.file else None, form.rows)
    return load(source, Path(into), lab.store, lab.runs, stepper(progress, SAID.making_data))
