# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that compares: several methods, one or many pictures."""

from __future__ import annotations

import gradio as gr

from core.tasks import captioning
from tabs._jobs import LONG, stops
from tabs._lab import Lab, bind
from tabs._widgets import code_panel
from tabs.captions.compare_handlers import DEFAULT, HEADER, Outputs, caption_compare
from web.inputs import AnyCheckboxGroup, FileInput, PhotoInput

ABOUT = """The same picture, or many, by several methods: ASIF, MaGiC, and captioners that **were** trained on pictures with
captions. Those are published checkpoints: each is downloaded once, when first used."""
HOW = """The bars are what decided between a method's captions of the first picture: for ASIF how much the best of the bank agree with
each, for a trained captioner the probabilities of its beams, for MaGiC the similarity of its one caption. **Similarity** in the table is
the built-in model's, for all methods alike, 0 to 1. It also chose ASIF's and MaGiC's captions, so it flatters them.

The maps are of the first captioner among the methods that has them. For each word of the first picture's caption they show
its cross-attention to the places; for a prefix by a resampler, the attention of the words to the prefix, and of the prefix to
the places; for a prefix by a perceptron, which attends to no place, how much each place adds to the word (Grad-CAM)."""


def build(lab: Lab, image: PhotoInput) -> None:
    gr.Markdown(ABOUT)

    def choices() -> list[tuple[str, str]]:
        names = captioning.methods(lab.models)
        return [(name if name in captioning.METHODS else lab.models.catalog.label(name), name) for name in names]

    with gr.Row():
        with gr.Column(min_width=300):
            files = FileInput(label="Or many pictures", file_count="multiple", file_types=["image"], height=170)
            methods = AnyCheckboxGroup(choices(), value=DEFAULT, label="Methods")
            gr.on(None, lambda: gr.CheckboxGroup(choices()), None, methods, api_visibility="private")
            with gr.Row():
                run = gr.Button("Compare", variant="primary")
                stop = gr.Button("Stop")
        with gr.Column(min_width=300):
            note = gr.Markdown(label="Note")
            table = gr.Dataframe(
                label="Captions",
                headers=HEADER,
                interactive=False,
                wrap=True,
                column_widths=["120px", "120px", "220px", "100px"],
            )
            with gr.Row():
                download = gr.DownloadButton("Download as CSV")
                download_json = gr.DownloadButton("Download as JSON")
            with gr.Accordion("The result as JSON", open=False):
                evidence = gr.JSON(label="Captions")
    with gr.Accordion("How it works", open=True):
        plot = gr.Plot(label="What decided", show_label=False)
        maps = gr.Plot(label="Where its attention was", show_label=False)
        gr.Markdown(HOW)
    code = code_panel("The trained captioners with transformers")

    outputs = Outputs(table, evidence, download, download_json, note, plot, maps, code)
    comparing = run.click(
        bind(lab, caption_compare), [image, files, methods], list(outputs), api_name="caption_compare", **LONG
    )
    stops(stop, [comparing], note)
