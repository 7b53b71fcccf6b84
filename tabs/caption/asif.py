# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that chooses: a caption of a bank, by the anchors that it shares with the picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from core.data.bank import ANCHORS
from core.data.bundled import NAME as BUNDLED
from core.tasks import asif
from tabs._events import endpoint, in_panel, only_for
from tabs._galleries import choices
from tabs._jobs import AT_OPENING, SEARCH, stops
from tabs._lab import Lab, bind
from tabs._texts import texts
from tabs._widgets import code_panel, model_picker, numbers_table, result_head, toolbar
from tabs.caption import asif_handlers as handlers
from web.inputs import FileInput, PhotoInput

IDLE_S = 3600
SAID, COMMON = texts("caption"), texts("common")
BANKS = [(SAID.bank_bundled, "bundled"), (SAID.bank_gallery, "gallery"), (SAID.bank_mine, "mine")]


class Settings(NamedTuple):
    bank: Any
    k: Any
    p: Any
    model: Any
    own: Any
    removed: Any
    leave_out: Any
    added: Any
    run: Any
    stop: Any
    anchor_picture: Any
    anchor_words: Any
    add: Any
    clear: Any
    mine: Any
    labels: Any
    score_labels: Any
    scored: Any

    def linked(self) -> dict[str, Any]:
        """What an address says of them."""
        return {name: getattr(self, name) for name in ("bank", "k", "p", "model", "leave_out")}


def settings(lab: Lab) -> Settings:
    gr.Markdown(SAID.asif_about, elem_classes="footnote")
    bank = gr.Dropdown(_banks(lab), value="bundled", label=SAID.bank, allow_custom_value=True, info=SAID.bank_hint)
    own = FileInput(label=SAID.bank_file, file_types=[".txt"], visible=False, height=120)
    added = gr.State([], time_to_live=IDLE_S)
    with gr.Accordion(COMMON.options, open=False):
        k = gr.Slider(1, ANCHORS, asif.DEFAULT_K, step=1, label=SAID.k)
        p = gr.Slider(0.5, 8, asif.DEFAULT_P, step=0.1, label=SAID.p)
        leave_out = gr.Checkbox(True, label=SAID.leave_out)
        model = model_picker(lab, asif.TASK.needs)
        removed = gr.Dropdown([], multiselect=True, allow_custom_value=True, label=SAID.removed, info=SAID.removed_hint)
    with gr.Row():
        run = gr.Button(SAID.run_asif, variant="primary")
        stop = gr.Button(COMMON.stop)
    with gr.Accordion(SAID.own_anchor, open=False):
        anchor_picture = PhotoInput(label=SAID.anchor_picture, height=180)
        anchor_words = gr.Textbox(label=SAID.anchor_words, placeholder=SAID.anchor_example, max_lines=2)
        with gr.Row():
            add = gr.Button(SAID.add)
            clear = gr.Button(SAID.clear)
        mine = gr.Markdown()
    with gr.Accordion(SAID.labels_instead, open=False):
        labels = gr.Textbox(SAID.labels_example, label=SAID.labels)
        score_labels = gr.Button(SAID.score_labels)
        scored = gr.HTML(label="scores")
    return Settings(
        bank, k, p, model, own, removed, leave_out, added, run, stop, anchor_picture, anchor_words, add, clear, mine,
        labels, score_labels, scored,
    )  # fmt: skip


def result(lab: Lab, image: PhotoInput) -> handlers.Outputs:
    head = result_head()
    with gr.Column(elem_classes="details") as details:
        tools = gr.Column()
        why = gr.HTML(label="why")
        with gr.Column():
            table, numbers = numbers_table(SAID.agreed, handlers.HEADER)
            download = gr.DownloadButton(COMMON.csv, size="sm")
        code, program = code_panel(SAID.code)
        with tools:
            toolbar(lab, "caption-asif", head["link"], image, code)
    caption = gr.Textbox(label="caption", visible="hidden")
    return handlers.Outputs(
        **head, caption=caption, details=details, why=why, table=table, numbers=numbers, download=download, code=code, program=program,
        removed=None,
    )  # fmt: skip


def listen(
    lab: Lab, image: PhotoInput, method: gr.Radio, given: Settings, shown: handlers.Outputs, opened: Any
) -> list[Any]:
    """The events after which there is an answer."""
    shown = shown._replace(removed=given.removed)
    outputs = list(shown)
    inputs = [image, given.bank, given.k, given.p, given.model, given.own, given.removed, given.leave_out, given.added]
    endpoint(lab, handlers.caption_asif, inputs, shown, handlers.PUBLIC, "caption_asif", **SEARCH)

    private: dict[str, Any] = {"api_visibility": "private"}
    page: dict[str, Any] = {"outputs": outputs, "show_progress_on": shown.shown, **private, **SEARCH}
    choose = in_panel(handlers.caption_asif, handlers.Outputs)
    first: dict[str, Any] = {
        "fn": bind(lab, only_for("asif", choose, handlers.Outputs)),
        "inputs": [method, *inputs],
        **page,
    }
    again: dict[str, Any] = {
        "fn": bind(lab, in_panel(handlers.caption_again, handlers.Outputs)),
        "inputs": [shown.caption, *inputs],
        **page,
    }
    mine = [given.added, given.mine]
    events = [
        given.run.click(bind(lab, choose), inputs, **page),
        opened.then(**first),
        gr.on([given.removed.input, given.k.release, given.p.release], **again, trigger_mode="always_last"),
        given.add.click(
            bind(lab, handlers.add_anchor), [given.added, given.anchor_picture, given.anchor_words], mine, **private
        ).success(**again),
        given.clear.click(lambda: ([], ""), None, mine, **private).success(**again),
    ]
    stops(given.stop, events, shown.note)
    gr.on(None, lambda: gr.Dropdown(_banks(lab)), None, given.bank, **AT_OPENING)
    given.bank.change(lambda name: gr.File(visible=name == "mine"), given.bank, given.own, **private)
    by_labels = [image, given.labels, given.k, given.p, given.model]
    given.score_labels.click(bind(lab, handlers.by_labels), by_labels, given.scored, **SEARCH, **private)
    return events


def _banks(lab: Lab) -> list[tuple[str, str]]:
    """Those that are always there, and the captions of kept galleries."""
    kept = [(SAID("bank_kept", name=name), value) for name, value in choices(lab, None) if value != BUNDLED]
    return [*BANKS, *kept]
