# SPDX-License-Identifier: Apache-2.0

"""Components that several tabs have in common."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
import PIL.Image

from core.models.abilities import Model
from core.tasks._program import shown_path
from core.tasks.notebook import notebook
from tabs._downloads import write_file
from tabs._jobs import AT_OPENING
from tabs._lab import Lab, bind
from tabs._shown import error
from tabs._texts import texts
from web.inputs import AnyDropdown, JSONInput, file_name

COMMON = texts("common")


def model_picker(lab: Lab, needs: type[Model] | tuple[type[Model], ...], label: str = COMMON.model) -> gr.Dropdown:
    """All models with the ability `needs`, or one of them; the one that --profile asks for is chosen."""
    specs = lab.models.catalog.offered(needs)
    published = [spec.id for spec in specs if spec.family != "embedded" and spec.path is None]
    default = published[0] if lab.settings.profile == "hub" and published else specs[0].id

    def choices() -> list[tuple[str, str]]:
        return [(lab.models.catalog.label(spec.id), spec.id) for spec in lab.models.catalog.offered(needs)]

    picker = AnyDropdown(
        choices(),
        value=default,
        label=label,
        info=COMMON.model_hint,
    )
    # When a page opens: some are here by now, runs have ended, others were deleted.
    gr.on(None, lambda: gr.Dropdown(choices()), None, picker, **AT_OPENING)
    return picker


def skipped_folders(lab: Lab) -> None:
    """A line that says which folders of --models hold no checkpoint, and why. Who comes over the network reads no names."""
    skipped = lab.models.catalog.skipped
    named = "; ".join(f"{html.escape(name)}: {html.escape(reason)}" for name, reason in skipped)
    if not lab.settings.on_loopback:
        named = f"{len(skipped)}. The console says which, and why"
    if skipped:
        gr.HTML(f"Folders of --models that are not offered: {named}.", elem_classes="footnote")


def numbers_table(label: str, header: Sequence[str]) -> tuple[gr.Dataframe, gr.HTML]:
    """A table for programs, and where people see it: what a folded accordion of Gradio's is given, it loses."""
    return gr.Dataframe(label=label, headers=list(header), interactive=False, elem_classes="for-programs"), gr.HTML(
        label="numbers"
    )


def code_panel(label: str) -> tuple[gr.Code, gr.HTML]:
    """The program that gives the same answer: for programs, and where people see it (see `numbers_table`)."""
    return gr.Code(label=label, language="python", interactive=False, elem_classes="for-programs"), gr.HTML(
        label="program"
    )


def read_more(text: str) -> None:
    gr.Markdown(text, elem_classes="read-more")


def how_it_works(text: str) -> None:
    """What is computed, and where it was published."""
    with gr.Accordion(COMMON.how, open=False):
        gr.Markdown(text, elem_classes="read-more")


def result_head() -> dict[str, Any]:
    """What every answer begins with, by the names of the outputs: what went wrong, the answer and its note; and, for
    programs and for the page's script, its value and its address."""
    return {
        "error": gr.HTML(label="error"),
        "shown": gr.HTML(label="shown", elem_classes="shown"),
        "note": gr.Markdown(label="note"),
        "answer": JSONInput(label="answer", visible="hidden"),
        "link": gr.Textbox(label="link", visible="hidden"),
    }


def toolbar(lab: Lab, tab: str, link: gr.Textbox, image: gr.Image, code: gr.Code) -> None:
    """What can be done with an answer: copying its address, taking it home as a notebook with the picture in it."""
    with gr.Row(elem_classes="toolbar"):
        copy = copy_button()
        notebook = gr.Button(COMMON.notebook, size="sm")
    said = gr.HTML(elem_classes="said")
    file = gr.DownloadButton(visible="hidden", elem_id=f"notebook-{tab}")
    made = notebook.click(
        bind(lab, notebook_file), [image, code, gr.State(f"{tab}.ipynb")], [file, said], api_visibility="private"
    )
    made.success(None, file, None, js=f"(file) => window.lab.download(file, '{tab}.ipynb')", api_visibility="private")
    copies(copy, link, said)


def copy_button() -> gr.Button:
    return gr.Button(COMMON.copy_link, size="sm")


def copies(button: gr.Button, link: gr.Textbox, said: gr.HTML) -> None:
    """The button copies the address of the answer, and `said` says so."""
    words = [COMMON.copied, COMMON.copied_own_picture]
    script = f"(link) => window.lab.copyLink(link, {json.dumps(words)})"
    button.click(None, link, said, js=script, api_visibility="private")


def notebook_file(lab: Lab, image: PIL.Image.Image | None, code: str, name: str) -> tuple[str | None, str]:
    """(the notebook's path, what went wrong as HTML). Made when it is asked for: it holds the whole picture."""
    if not code:
        return None, error(COMMON.no_program)
    named = {file_name(image): image} if image is not None and repr(shown_path(file_name(image))) in code else {}
    return write_file(name, notebook(code, "VLM Lab", pictures=named)), ""


def history() -> str:
    """The place of this browser's last answers, which the page's script fills, as HTML."""
    hint, title, clear = (html.escape(text) for text in (COMMON.history_hint, COMMON.history, COMMON.history_clear))
    return (
        f'<details id="last-answers" hidden><summary>{title}</summary><p>{hint}</p><ul></ul>'
        f'<button class="clear">{clear}</button></details>'
    )
