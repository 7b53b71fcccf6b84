# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that writes: word by word, each step open to be looked into."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.models.language_model import LanguageModel
from core.tasks import magic
from tabs._jobs import LONG
from tabs._lab import Lab, bind
from tabs._widgets import code_panel, model_picker
from tabs.captions import magic_handlers as handlers
from web.inputs import PhotoInput

IDLE_S = 3600
VARIANT_CHOICES = [
    ("with recalled captions (the best)", magic.RECALLED),
    ("as published", magic.PUBLISHED),
    ("contrastive search, no picture", magic.BLIND),
]
ABOUT = """A caption is **written**: a language model that was trained on text alone proposes the next words, and at each one an image-text
model says which of them fits yours. Watch it grow, then open any step."""
HOW = """Each step weighs the k likeliest next words by these terms: **(1 − α) × probability** by the language model,
**− α × repetition** (how much the state after the word resembles an earlier one), and **β × picture**, a softmax over the k of
how well the text so far fits the picture. The largest sum wins. That is the rule as published. With **recalled captions**, the
probability is a mixture: the language model's, and how captions of the bank that ASIF finds near the picture go on from here.
On 80 photographs of COCO, CIDEr and how often a caption finds its picture again: recalled 0.60 and 63 %, as published 0.41 and 31 %,
no picture 0.05 and 1 %. Choosing by ASIF: 0.74 and 55 %."""


def build(lab: Lab, image: PhotoInput) -> None:
    gr.Markdown(ABOUT)
    last = gr.State(None, time_to_live=IDLE_S)
    variant = magic.PUBLISHED if lab.settings.profile == "hub" else magic.RECALLED
    with gr.Row():
        with gr.Column(min_width=300):
            with gr.Row():
                run = gr.Button("Write a caption", variant="primary")
                stop = gr.Button("Stop")
            start = gr.Radio(
                VARIANT_CHOICES, value=variant, label="Rule", info="Sets what stands below; change it as you like"
            )
            settings, model, writer = _settings(lab, magic.VARIANTS[variant])
        with gr.Column(min_width=300):
            caption = gr.Textbox(label="Caption", interactive=False, lines=2)
            note = gr.Markdown(label="Note")
            table = gr.Dataframe(label="Step by step", headers=handlers.HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
            with gr.Accordion("The result as JSON", open=False):
                evidence = gr.JSON(label="Steps, candidates and terms")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        shown = gr.Slider(1, 2, 1, step=1, label="Step to open", interactive=True)
        plot = gr.Plot(label="The candidates of this step", show_label=False)
    code = code_panel("The same caption with transformers")
    outputs = list(handlers.Outputs(caption, evidence, table, download, shown, plot, last, code, note))

    k, alpha, beta, length, scale, recall = settings
    inputs = [image, k, alpha, beta, length, model, writer, scale, recall]
    private: dict[str, Any] = {"api_visibility": "private"}
    writing = run.click(bind(lab, handlers.caption_magic), inputs, outputs, api_name="caption_magic", **LONG)
    again: dict[str, Any] = {
        "fn": bind(lab, handlers.caption_again),
        "inputs": [caption, *inputs],
        "outputs": outputs,
        "trigger_mode": "always_last",
        "cancels": [writing],
        **private,
        **LONG,
    }
    rewriting = gr.on([slider.release for slider in settings], **again)
    reset = start.input(lambda name: handlers.settings(magic.VARIANTS[name]), start, settings, **private)
    reset_writing = reset.then(**again)
    stopped = stop.click(None, cancels=[writing, rewriting, reset_writing], **private)
    stopped.then(bind(lab, handlers.stopped), last, outputs, **private)
    shown.input(bind(lab, handlers.open_step), [last, shown], plot, trigger_mode="always_last", **private)


def _settings(lab: Lab, rule: magic.Rule) -> tuple[list[gr.Slider], gr.Dropdown, gr.Dropdown]:
    """The sliders, in the order of `handlers.settings`; the image-text model and the language model."""
    k = gr.Slider(1, magic.MAX_K, rule.k, step=1, label="k: words weighed at each step")
    alpha = gr.Slider(0, 1, rule.alpha, step=0.05, label="α: how much repetition costs")
    beta = gr.Slider(0, 8, rule.beta, step=0.1, label="β: how much the picture counts")
    with gr.Accordion("Options", open=False):
        scale = gr.Slider(
            0,
            magic.MAX_SCALE,
            rule.scale or 0,
            step=0.1,
            label="Sharpness of the picture's softmax",
            info="0: the model's own",
        )
        recall = gr.Slider(0, 1, rule.recall, step=0.05, label="Share of recalled captions in the probability")
        length = gr.Slider(2, magic.MAX_LENGTH, rule.length, step=1, label="Longest caption, in tokens")
        model = model_picker(lab, magic.TASK.needs)
        writer = model_picker(lab, LanguageModel, label="Language model")
    return [k, alpha, beta, length, scale, recall], model, writer
