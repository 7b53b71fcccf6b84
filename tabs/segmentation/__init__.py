# SPDX-License-Identifier: Apache-2.0

"""Segmentation: cut out of a picture what phrases name, or what looks like an example."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.assets import EXAMPLES_FOLDER
from core.models.abilities import Refiner, Segmenter
from core.tasks.segmentation import DEFAULT_THRESHOLD
from tabs._jobs import SHORT, stops
from tabs._lab import Lab, Tab, bind
from tabs._widgets import code_panel, model_picker, read_more
from tabs.segmentation import handlers
from tabs.segmentation.painting import HEADER
from web.inputs import PhotoInput

IDLE_S = 3600  # after which a visit's last result is cleared away
EXAMPLES = [
    ["kitten-yarn-ball.jpg", "a cat, a ball of wool"],
    ["dog-german-shepherd.jpg", "a dog, grass"],
    ["coffee-cup-spoon.jpg", "a cup, a spoon, a wooden table"],
    ["rowing-boats-shore.jpg", "boats, a lake, the sky"],
]
MODES = [("each prompt on its own", False), ("each pixel to its likeliest prompt", True)]
ABOUT = """Name objects, and the model paints where in your picture they are. The picture is encoded once, so that other
prompts for it are quick."""
HOW = """Each prompt gets a **probability for every place**; the mask is where it reaches the threshold, so moving the
slider runs nothing again. Below, from left to right, are the maps that led there: how much each place resembles the
phrase, that map spread to places that look alike, and what a small decoder, trained on composed scenes, makes of them."""
MORE = """**Read more:** [CLIPSeg](https://arxiv.org/abs/2112.10003) decodes masks from several depths of a frozen tower;
[GroupViT](https://arxiv.org/abs/2202.11094) learns segments from captions alone;
[SAM](https://arxiv.org/abs/2304.02643) draws a mask around a click; the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Zero-shot image segmentation”."""


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    last = gr.State(None, time_to_live=IDLE_S)
    with gr.Row():
        with gr.Column(min_width=300):
            image = PhotoInput(label="Your picture", height=300)
            prompts, run, example, box, run_like = _what()
            stop = gr.Button("Stop")
            threshold = gr.Slider(0, 1, DEFAULT_THRESHOLD, step=0.01, label="Threshold")
            with gr.Accordion("Options", open=False):
                mode = gr.Radio(MODES, value=False, label="Masks", type="value")
                model = model_picker(lab, Segmenter)
            examples = gr.Examples(
                [[str(EXAMPLES_FOLDER / file), text] for file, text in EXAMPLES],
                inputs=[image, prompts],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300):
            painted = gr.Image(label="Masks", interactive=False, format="png")
            note = gr.Markdown(label="Note")
            with gr.Accordion("Refine a mask by clicking on it (SAM)", open=False):
                refiner = model_picker(lab, Refiner)
                target = gr.Dropdown([], label="Whose mask", info="Then click on the picture of the masks above")
                sign = gr.Radio([("on the object", True), ("not on it", False)], value=True, label="The click is")
                by_box = gr.Button("Refine it by its box")
            shown = _result()
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        heat = gr.Plot(label="Probability of each prompt", show_label=False)
        depth = gr.Plot(label="The maps at each depth", show_label=False)
    code = code_panel("The same maps with transformers")
    outputs = handlers.Outputs(painted, **shown, last=last, target=target, heat=heat, depth=depth, code=code, note=note)
    read_more(MORE)

    private: dict[str, Any] = {"outputs": list(outputs), "api_visibility": "private"}
    segment = {
        "fn": bind(lab, handlers.segment),
        "inputs": [image, prompts, threshold, model],
        "outputs": list(outputs),
        **SHORT,
    }
    segment_like = {
        "fn": bind(lab, handlers.segment_like),
        "inputs": [image, example, box, threshold, model],
        "outputs": list(outputs),
        **SHORT,
    }
    answered = [
        run.click(**segment, api_name="segment"),
        prompts.submit(**segment, api_visibility="private"),
        run_like.click(**segment_like, api_name="segment_like"),
        examples.load_input_event.then(**segment, api_visibility="private"),
    ]
    quietly = {**private, "show_progress": "hidden"}
    again = [last, threshold, mode]
    for event in answered:
        event.success(bind(lab, handlers.redraw_exclusive), again, **quietly)
    threshold.input(bind(lab, handlers.redraw), again, trigger_mode="always_last", **quietly)
    mode.input(bind(lab, handlers.redraw), again, **quietly)
    refining = {**private, **SHORT, "show_progress_on": painted}
    refined = [
        painted.select(bind(lab, handlers.click), [last, target, sign, refiner, threshold, mode], **refining),
        by_box.click(bind(lab, handlers.refine_by_box), [last, target, refiner, threshold, mode], **refining),
    ]
    stops(stop, [*answered, *refined], note)


def _what() -> tuple[gr.Textbox, gr.Button, PhotoInput, gr.Textbox, gr.Button]:
    """What to look for: phrases, or an example picture."""
    with gr.Tabs():
        with gr.Tab("Words"):
            prompts = gr.Textbox(
                "a cat, a ball of wool",
                label="What to cut out",
                info="One a line, or separated by commas",
                lines=2,
            )
            run = gr.Button("Cut out", variant="primary")
        with gr.Tab("An example picture"):
            example = PhotoInput(label="A picture of what to look for", height=220)
            box = gr.Textbox(
                label="Its box, if the picture shows other objects too",
                info="left, top, right, bottom in pixels",
                placeholder="40, 60, 300, 280",
            )
            run_like = gr.Button("Find what looks like it", variant="primary")
    return prompts, run, example, box, run_like


def _result() -> dict[str, Any]:
    """What stands below the painted picture, by the names of the outputs."""
    legend = gr.HTML(label="Colours")
    table = gr.Dataframe(label="Coverage and box of each", headers=HEADER, interactive=False, wrap=True)
    with gr.Row():
        download = gr.DownloadButton("Masks as PNG (zip)")
        coco = gr.DownloadButton("COCO-style JSON")
    with gr.Accordion("The result as JSON", open=False):
        answer = gr.JSON(label="Masks")
    return {"answer": answer, "legend": legend, "table": table, "download": download, "coco": coco}


TAB = Tab("segmentation", "Segmentation", 30, build)
