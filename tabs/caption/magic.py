# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that writes: word by word, each step open to be looked into."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from core.models.language_model import LanguageModel
from core.tasks import magic
from tabs._events import endpoint, in_panel, only_for
from tabs._jobs import LONG
from tabs._lab import Lab, bind
from tabs._texts import texts
from tabs._widgets import code_panel, model_picker, numbers_table, result_head, toolbar
from tabs.caption import magic_handlers as handlers
from web.inputs import PhotoInput

IDLE_S = 3600
SAID, COMMON = texts("caption"), texts("common")
VARIANT_CHOICES = [
    (SAID.rule_recalled, magic.RECALLED),
    (SAID.rule_published, magic.PUBLISHED),
    (SAID.rule_blind, magic.BLIND),
]


class Settings(NamedTuple):
    start: Any
    k: Any
    alpha: Any
    beta: Any
    length: Any
    model: Any
    writer: Any
    scale: Any
    recall: Any
    run: Any
    stop: Any

    def linked(self) -> dict[str, Any]:
        """What an address says of them."""
        return {name: getattr(self, name) for name in self._fields if name not in ("start", "run", "stop")}

    @property
    def sliders(self) -> list[Any]:
        """In the order of `handlers.settings`."""
        return [self.k, self.alpha, self.beta, self.length, self.scale, self.recall]

    @property
    def inputs(self) -> list[Any]:
        """Of the handler, after the picture."""
        return [self.k, self.alpha, self.beta, self.length, self.model, self.writer, self.scale, self.recall]


def settings(lab: Lab) -> Settings:
    gr.Markdown(SAID.magic_about, elem_classes="footnote")
    variant = magic.PUBLISHED if lab.settings.profile == "hub" else magic.RECALLED
    rule = magic.VARIANTS[variant]
    start = gr.Radio(VARIANT_CHOICES, value=variant, label=SAID.rule, info=SAID.rule_hint)
    with gr.Accordion(COMMON.options, open=False):
        k = gr.Slider(1, magic.MAX_K, rule.k, step=1, label=SAID.magic_k)
        alpha = gr.Slider(0, 1, rule.alpha, step=0.05, label=SAID.alpha)
        beta = gr.Slider(0, 8, rule.beta, step=0.1, label=SAID.beta)
        scale = gr.Slider(0, magic.MAX_SCALE, rule.scale or 0, step=0.1, label=SAID.scale, info=SAID.scale_hint)
        recall = gr.Slider(0, 1, rule.recall, step=0.05, label=SAID.recall)
        length = gr.Slider(2, magic.MAX_LENGTH, rule.length, step=1, label=SAID.length)
        model = model_picker(lab, magic.TASK.needs)
        writer = model_picker(lab, LanguageModel, label=SAID.writer)
    with gr.Row():
        run = gr.Button(SAID.run_magic, variant="primary")
        stop = gr.Button(COMMON.stop)
    return Settings(start, k, alpha, beta, length, model, writer, scale, recall, run, stop)


def result(lab: Lab, image: PhotoInput) -> handlers.Outputs:
    head = result_head()
    last = gr.State(None, time_to_live=IDLE_S)
    with gr.Column(elem_classes="details") as details:
        tools = gr.Column()
        step = gr.Slider(1, 2, 1, step=1, label=SAID.step, interactive=True)
        why = gr.HTML(label="why")
        with gr.Column():
            table, numbers = numbers_table(SAID.steps, handlers.HEADER)
            download = gr.DownloadButton(COMMON.csv, size="sm")
        code, program = code_panel(SAID.code)
        with tools:
            toolbar(lab, "caption-magic", head["link"], image, code)
    caption = gr.Textbox(label="caption", visible="hidden")
    return handlers.Outputs(
        **head, caption=caption, details=details, why=why, table=table, numbers=numbers, download=download, code=code, program=program,
        step=step, last=last,
    )  # fmt: skip


def listen(
    lab: Lab, image: PhotoInput, method: gr.Radio, given: Settings, shown: handlers.Outputs, opened: Any
) -> list[Any]:
    """The events after which there is an answer."""
    inputs, outputs = [image, *given.inputs], list(shown)
    endpoint(lab, handlers.caption_magic, inputs, shown, handlers.PUBLIC, "caption_magic", **LONG)

    private: dict[str, Any] = {"api_visibility": "private"}
    page: dict[str, Any] = {"outputs": outputs, "show_progress_on": shown.shown, **private, **LONG}
    write = in_panel(handlers.caption_magic, handlers.Outputs)
    first: dict[str, Any] = {
        "fn": bind(lab, only_for("magic", write, handlers.Outputs)),
        "inputs": [method, *inputs],
        **page,
    }
    writing = [given.run.click(bind(lab, write), inputs, **page), opened.then(**first)]
    again: dict[str, Any] = {
        "fn": bind(lab, in_panel(handlers.caption_again, handlers.Outputs)),
        "inputs": [shown.caption, *inputs],
        "trigger_mode": "always_last",
        "cancels": writing,
        **page,
    }
    rewriting = gr.on([slider.release for slider in given.sliders], **again)
    reset = given.start.input(
        lambda name: handlers.settings(magic.VARIANTS[name]), given.start, given.sliders, **private
    )
    reset_writing = reset.then(**again)
    events = [*writing, rewriting, reset_writing]
    stopped = given.stop.click(None, cancels=events, **private)
    stopped.then(bind(lab, handlers.stopped), shown.last, outputs, **private)
    opening = [shown.last, shown.step]
    shown.step.input(bind(lab, handlers.open_step), opening, shown.why, trigger_mode="always_last", **private)
    return events
