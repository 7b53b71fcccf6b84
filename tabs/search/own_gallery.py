# SPDX-License-Identifier: Apache-2.0

"""A gallery of a visitor's own: filling, thinning out, keeping."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from core.data.bundled import NAME as BUNDLED
from core.data.galleries import AddReport, Gallery
from core.data.uploads import captions_from, unpack
from core.engine import OnStep
from core.errors import UserError
from tabs._galleries import MINE, choices, thumbnail
from tabs._jobs import AT_OPENING, LONG, downloaded, stoppable
from tabs._lab import Lab, bind
from tabs._outputs import only
from tabs._texts import texts
from tabs._values import as_text
from web.inputs import FileInput

SMALL = 160  # pixels of a picture in the list
MOST_SHOWN = 60  # pictures of the gallery
RESERVED = (BUNDLED, MINE, "gallery")  # what galleries and caption banks that are not kept go by
SAID, COMMON = texts("own_gallery"), texts("common")


class View(NamedTuple):
    mine: Any
    status: Any
    content: Any
    chosen: Any
    gallery: Any


def panel(lab: Lab, gallery: gr.Dropdown, model: gr.Dropdown, mine: gr.State) -> None:
    gr.Markdown(SAID.about)
    files = FileInput(label=SAID.files, file_count="multiple")
    with gr.Row():
        add = gr.Button(SAID.add, variant="primary")
        stop = gr.Button(COMMON.stop)
    status = gr.Markdown()
    content = gr.Gallery(label=SAID.content, columns=6, height="auto", object_fit="contain", format="jpeg")
    with gr.Row():
        chosen = gr.Dropdown([], multiselect=True, label=SAID.chosen)
        remove = gr.Button(SAID.remove)
    view = View(mine, status, content, chosen, gallery)

    private: dict[str, Any] = {"outputs": list(view), "api_visibility": "private"}
    adding = add.click(bind(lab, add_pictures), [files, model, mine], **private, **LONG)
    stop.click(bind(lab, stopped), mine, cancels=adding, **private)
    remove.click(bind(lab, remove_pictures), [chosen, mine], **private)
    if lab.store is None:
        gr.Markdown(SAID.not_kept)
        return
    with gr.Row():
        name = gr.Textbox(label=SAID.name, max_length=80, placeholder=SAID.name_example)
        keep = gr.Button(SAID.keep)
        forget = gr.Button(SAID.delete, variant="stop")
    keep.click(bind(lab, keep_gallery), [name, mine], **private)
    forget.click(bind(lab, delete_gallery), [name, mine], **private)
    gr.on(None, lambda: gr.Dropdown(choices(lab, None)), None, gallery, **AT_OPENING)


def _noted(note: str) -> View:
    return only(View, status=note)


def add_pictures(
    lab: Lab,
    files: list[str] | None,
    model: str,
    mine: Gallery | None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[View]:
    if not files:
        raise UserError(SAID.no_files)
    yield from downloaded(lab, model, progress, _noted)
    into = mine if mine is not None else Gallery(MINE)
    yield only(View, mine=into, status=SAID.reading_now)  # what is added until a stop is then the visitor's

    def add(on_step: OnStep, stop: threading.Event) -> AddReport:
        with tempfile.TemporaryDirectory() as folder:
            captioned = captions_from(_unpacked(files, Path(folder), stop))
            if not captioned:
                raise UserError(SAID.no_picture)
            return into.add(captioned, on_step, stop)

    report = yield from stoppable(add, SAID.reading, progress, _noted)
    if report.added:
        yield from stoppable(
            lambda on_step, stop: into.vectors(lab.models, model, on_step, stop),
            SAID.encoding,
            progress,
            _noted,
        )
    yield _view(lab, into, added(report))


def stopped(lab: Lab, mine: Gallery | None) -> View:
    return _view(lab, mine, SAID.stopped)._replace(gallery=gr.Dropdown(choices(lab, mine)))


def remove_pictures(lab: Lab, ids: list[str], mine: Gallery | None) -> View:
    if mine is None or not ids:
        raise UserError(SAID.none_chosen)
    return _view(lab, mine, SAID("removed", number=mine.remove(ids)))


def keep_gallery(lab: Lab, name: str, mine: Gallery | None) -> View:
    assert lab.store is not None
    if mine is None or not len(mine):
        raise UserError(SAID.empty)
    if " ".join((name or "").split()) in RESERVED:
        raise UserError(SAID("reserved", name=name.strip()))
    kept = lab.store.keep(mine, name)
    words = SAID("kept", number=len(kept), name=as_text(kept.name))
    return only(View, status=words, gallery=gr.Dropdown(choices(lab, mine), value=kept.name))


def delete_gallery(lab: Lab, name: str, mine: Gallery | None) -> View:
    assert lab.store is not None
    lab.store.delete(name)
    return only(View, status=SAID.deleted, gallery=gr.Dropdown(choices(lab, mine), value=BUNDLED))


def added(report: AddReport) -> str:
    """What became of the files, as Markdown."""
    said = [SAID("added", number=len(report.added))]
    if report.notes:
        said += [*(f"- {as_text(name)}: {note}" for name, note in report.notes[:20]), ""]  # which ends the list
    if report.skipped:
        said.append(SAID("left_out", number=len(report.skipped)))
        said += [f"- {as_text(name)}: {reason}" for name, reason in report.skipped[:20]]
    return "\n".join(said)


def _unpacked(files: Sequence[str], folder: Path, stop: threading.Event) -> dict[Path, str]:
    """All files, those inside zips too, each with the name it came under."""
    found: dict[Path, str] = {}
    for number, file in enumerate(map(Path, files)):
        if file.suffix.lower() == ".zip":
            found.update(unpack(file, folder / str(number), stop=stop))
        else:
            found[file] = file.name
    return found


def _view(lab: Lab, mine: Gallery | None, status: str) -> View:
    """The panel as it stands now, with the gallery chosen for the searches."""
    items = mine.items if mine is not None else ()
    names = [(item.caption or item.id, item.id) for item in items]
    return View(
        mine,
        status,
        [(thumbnail(item.path, SMALL), item.caption or item.id) for item in items[:MOST_SHOWN]],
        gr.Dropdown(names, value=[], multiselect=True),
        gr.Dropdown(choices(lab, mine), value=MINE if items else BUNDLED),
    )
