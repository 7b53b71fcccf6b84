"""A gallery of a visitor's own: choosing, filling, thinning out, keeping."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import gradio as gr
import PIL.Image

from core import images as door
from core.data.bundled import NAME as BUNDLED
from core.data.galleries import AddReport, Gallery
from core.data.uploads import captions_from, unpack
from core.errors import UserError
from tabs._jobs import DEVICE, fetch_model, reported, stoppable
from tabs._lab import Lab
from web.errors import translate_errors

MINE = "mine"
THUMBNAIL, SMALL = 512, 160  # pixels
SHOWN = 60  # pictures of the visitor's gallery


def panel(lab: Lab, gallery: gr.Dropdown, model: gr.Dropdown, mine: gr.State) -> None:
    gr.Markdown(
        "Add pictures, or one zip of them. A file `captions.csv` with the columns `file` and `caption` gives them captions. "
        "The gallery is yours alone and is cleared away when you leave, unless you keep it."
    )
    files = gr.File(label="Pictures, a zip, captions.csv", file_count="multiple")
    with gr.Row():
        add = gr.Button("Add to my gallery", variant="primary")
        stop = gr.Button("Stop")
    status = gr.Markdown()
    content = gr.Gallery(label="In my gallery", columns=6, height="auto", object_fit="contain", format="jpeg")
    with gr.Row():
        chosen = gr.Dropdown([], multiselect=True, label="Pictures to remove")
        remove = gr.Button("Remove them")
    view = [mine, status, content, chosen, gallery]

    @translate_errors
    def add_pictures(
        files: list[str] | None,
        model: str,
        mine: Gallery | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Generator[tuple[Any, ...], None, None]:
        if not files:
            raise UserError("Choose some pictures or a zip first.")
        fetch_model(lab, model, progress)
        into = mine if mine is not None else Gallery(MINE)
        with tempfile.TemporaryDirectory() as folder:
            captioned = captions_from(_unpacked(files, Path(folder)))
            if not captioned:
                raise UserError("There is no picture among these files.")
            yield (into, "Reading the pictures …", *[gr.skip()] * 3)
            steps = stoppable(lambda on_step, stop: into.add(captioned, on_step, stop))
            report: AddReport = yield from reported(steps, "Reading the pictures", progress, _status)
        if report.added:
            look = stoppable(lambda on_step, stop: into.vectors(lab.models, model, on_step, stop))
            yield from reported(look, "Looking at the pictures", progress, _status)
        yield _view(lab, into, _report(report), select=True)

    @translate_errors
    def remove_pictures(ids: list[str], mine: Gallery | None) -> tuple[Any, ...]:
        if mine is None or not ids:
            raise UserError("Choose the pictures to remove first.")
        return _view(lab, mine, f"Removed {mine.remove(ids)}.", select=True)

    adding = add.click(add_pictures, [files, model, mine], view, api_visibility="private", **DEVICE)
    stop.click(
        lambda mine: _view(lab, mine, "Stopped; what was finished is kept."),
        mine,
        view,
        cancels=adding,
        api_visibility="private",
    )
    remove.click(remove_pictures, [chosen, mine], view, api_visibility="private")
    if lab.store is None:
        gr.Markdown("*Galleries cannot be kept here: the app was started without `--galleries`.*")
        return
    with gr.Row():
        name = gr.Textbox(label="Name", max_length=80, placeholder="holiday 2026")
        keep = gr.Button("Keep my gallery under this name")
        forget = gr.Button("Delete the kept gallery of this name", variant="stop")

    @translate_errors
    def keep_gallery(name: str, mine: Gallery | None) -> tuple[Any, ...]:
        if mine is None or not len(mine):
            raise UserError("Your gallery is empty. Add some pictures first.")
        kept = lab.store.keep(mine, name)
        return f"Kept {len(kept)} pictures as “{kept.name}”.", gr.Dropdown(choices(lab, mine), value=kept.name)

    @translate_errors
    def delete_gallery(name: str, mine: Gallery | None) -> tuple[Any, ...]:
        lab.store.delete(name)
        return "Deleted.", gr.Dropdown(choices(lab, mine), value=BUNDLED)

    keep.click(keep_gallery, [name, mine], [status, gallery], api_visibility="private")
    forget.click(delete_gallery, [name, mine], [status, gallery], api_visibility="private")
    gr.on(None, lambda: gr.Dropdown(choices(lab, None)), None, gallery, api_visibility="private")  # when the page opens


def open_gallery(lab: Lab, name: str, mine: Gallery | None) -> Gallery:
    """The gallery of that name; raises UserError if there is none."""
    if name == BUNDLED:
        return lab.bundled
    if name == MINE:
        if mine is None:
            raise UserError("You have no gallery of your own yet. Make one below, under “A gallery of your own”.")
        return mine
    if lab.store is None:
        raise UserError(f"There is no gallery called {str(name)[:80]!r}.")
    return lab.store.open(str(name))


def choices(lab: Lab, mine: Gallery | None) -> list[tuple[str, str]]:
    choices = [(f"The lab's {len(lab.bundled)} pictures", BUNDLED)]
    if mine is not None and len(mine):
        choices.append((f"My gallery ({len(mine)})", MINE))
    try:
        kept = lab.store.names() if lab.store else []
    except UserError:
        kept = []
    return choices + [(name, name) for name in kept]


def thumbnail(path: str, side: int = THUMBNAIL) -> PIL.Image.Image:
    return door.read(path, side).image


def _unpacked(files: list[str], folder: Path) -> dict[Path, str]:
    """All files, those inside zips too, each with the name it came under."""
    found: dict[Path, str] = {}
    for number, file in enumerate(map(Path, files)):
        if file.suffix.lower() == ".zip":
            found.update(unpack(file, folder / str(number)))
        else:
            found[file] = file.name
    return found


def _status(said: str) -> tuple[Any, ...]:
    """An update of the status line alone."""
    return (gr.skip(), said, *[gr.skip()] * 3)


def _view(lab: Lab, mine: Gallery | None, status: str, select: bool = False) -> tuple[Any, ...]:
    """The panel as it stands now, in the order of its outputs."""
    items = mine.items if mine is not None else ()
    names = [(item.caption or item.id, item.id) for item in items]
    value = {"value": MINE if items else BUNDLED} if select else {}
    return (
        mine,
        status,
        [(thumbnail(item.path, SMALL), item.caption or item.id) for item in items[:SHOWN]],
        gr.Dropdown(names, value=[]),
        gr.Dropdown(choices(lab, mine), **value),
    )


def _report(report: AddReport) -> str:
    said = [f"Added {len(report.added)}."]
    if report.skipped:
        said.append(f"Left out {len(report.skipped)}:")
        said += [f"- {_as_text(name)}: {reason}" for name, reason in report.skipped[:20]]
    return "\n".join(said)


def _as_text(name: str) -> str:
    """A file name inside Markdown, with nothing in it taken for markup."""
    return "`" + name.replace("`", "'") + "`"
