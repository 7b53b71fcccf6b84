"""Segmentation: cut out of a picture what phrases name, or what looks like an example."""

from __future__ import annotations

import html
import json
import zipfile
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import gradio as gr
import PIL.Image

from core.assets import EXAMPLES_FOLDER
from core.errors import UserError
from core.explain import masks as drawing
from core.models.abilities import Refiner, Segmenter
from core.results import Segmentation
from core.tasks import segmentation
from tabs._downloads import write_file
from tabs._jobs import DEVICE, fetch_model
from tabs._lab import Lab, Tab
from tabs._widgets import model_picker, read_more
from web.errors import translate_errors
from web.inputs import PhotoInput, file_name

IDLE = 3600  # seconds after which a visit's last result is cleared away
EXAMPLES = [
    ["kitten-yarn-ball.jpg", "a cat, a ball of wool"],
    ["dog-german-shepherd.jpg", "a dog, grass"],
    ["coffee-cup-spoon.jpg", "a cup, a spoon, a wooden table"],
    ["rowing-boats-shore.jpg", "boats, a lake, the sky"],
]
HEADER = ["prompt", "coverage", "box"]
MODES = [("each prompt on its own", False), ("each pixel to its likeliest prompt", True)]
ABOUT = """Name things, and the model paints where in your picture they are. The picture is looked at once: try other
words on it, they cost little."""
HOW = """Each prompt gets a **probability for every place**; the mask is where it reaches the threshold, so moving the
slider runs nothing again. Below, from left to right, are the maps that led there: how much each place resembles the
phrase, that map spread to places that look alike, and what a small decoder, trained on composed scenes, makes of them."""
MORE = """**Read more:** [CLIPSeg](https://arxiv.org/abs/2112.10003) decodes masks from several depths of a frozen tower;
[GroupViT](https://arxiv.org/abs/2202.11094) learns segments from captions alone;
[SAM](https://arxiv.org/abs/2304.02643) draws a mask around a click; the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Zero-shot image segmentation”."""


@dataclass(frozen=True)
class Shown:
    """What the slider redraws, without a model. `points` are the clicks (x, y, on the thing?) on `clicked`'s mask."""

    image: PIL.Image.Image
    result: Segmentation
    name: str
    clicked: str = ""
    points: tuple[tuple[float, float, bool], ...] = ()


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    last = gr.State(None, time_to_live=IDLE)
    with gr.Row():
        with gr.Column(min_width=300):
            image = PhotoInput(label="Your picture", height=300)
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
                        label="Its box, if the picture shows other things too",
                        info="left, top, right, bottom in pixels",
                        placeholder="40, 60, 300, 280",
                    )
                    run_like = gr.Button("Find what looks like it", variant="primary")
            threshold = gr.Slider(0, 1, segmentation.THRESHOLD, step=0.01, label="Threshold")
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
            with gr.Accordion("Refine a mask by clicking on it (SAM)", open=False):
                refiner = model_picker(lab, Refiner)
                target = gr.Dropdown([], label="Whose mask", info="Then click on the picture of the masks above")
                sign = gr.Radio([("on the thing", True), ("not on it", False)], value=True, label="The click is")
                by_box = gr.Button("Refine it by its box")
            legend = gr.HTML(label="Colours")
            table = gr.Dataframe(label="Coverage and box of each", headers=HEADER, interactive=False, wrap=True)
            with gr.Row():
                download = gr.DownloadButton("Masks as PNG (zip)")
                download_coco = gr.DownloadButton("COCO-style JSON")
            with gr.Accordion("The result as JSON", open=False):
                answer = gr.JSON(label="Masks")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        heat = gr.Plot(label="Probability of each prompt", show_label=False)
        depth = gr.Plot(label="The maps at each depth", show_label=False)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same maps with transformers", language="python", interactive=False)
    read_more(MORE)

    def show(image: PIL.Image.Image, result: Segmentation, threshold: float, program: str) -> tuple[Any, ...]:
        shown = Shown(image, result, file_name(image))
        return (
            *_drawn(shown, threshold, False),
            shown,
            gr.Dropdown(result.labels, value=result.labels[0]),
            drawing.heat_maps(image, result.labels, result.probabilities),
            drawing.depths(image, result.labels, result.depths),
            program,
        )

    @translate_errors
    def segment(
        image: PIL.Image.Image | None,
        prompts: str,
        threshold: float = segmentation.THRESHOLD,
        model: str = "embedded",
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> tuple[Any, ...]:
        """Cut out of a picture what each prompt names. Prompts are separated by commas or line breaks. Gives the painted
        picture and for each prompt its label, coverage (0..1), box [x0, y0, x1, y1] in pixels, and mask (a PNG file)."""
        names = segmentation.parse_prompts(prompts)
        fetch_model(lab, model, progress)
        progress(0.1, desc="Looking at the picture")
        result = segmentation.segment(lab.models, model, image, names)
        return show(image, result, threshold, segmentation.program(lab.models, model, file_name(image), names))

    @translate_errors
    def segment_like(
        image: PIL.Image.Image | None,
        example: PIL.Image.Image | None,
        box: str = "",
        threshold: float = segmentation.THRESHOLD,
        model: str = "embedded",
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Cut out of a picture what an example picture shows, or what lies in its box "left, top, right, bottom"."""
        fetch_model(lab, model, progress)
        progress(0.1, desc="Looking at both pictures")
        corners = segmentation.parse_box(box)
        result = segmentation.segment_like(lab.models, model, image, example, corners)
        return show(image, result, threshold, "")

    def refine(
        last: Shown | None, label: str, model: str, threshold: float, progress: gr.Progress, **asked: Any
    ) -> tuple[Any, ...]:
        if last is None:
            raise UserError("Cut something out first: its mask can then be refined.")
        fetch_model(lab, model, progress)
        progress(0.1, desc="Drawing the mask anew")
        result = segmentation.refine(lab.models, model, last.image, last.result, label, **asked)
        now = replace(last, result=result, clicked=label, points=tuple(asked.get("points", ())))
        return *_drawn(now, threshold, False), now

    @translate_errors
    def click(
        last: Shown | None,
        label: str,
        on: bool,
        model: str,
        threshold: float,
        event: gr.SelectData,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        scale = last.result.size[0] / drawing.shown_size(last.image)[0] if last else 1
        x, y = event.index
        before = last.points if last and last.clicked == label else ()
        points = [*before, (x * scale, y * scale, bool(on))]
        return refine(last, label, model, threshold, progress, points=points)

    @translate_errors
    def refine_by_box(
        last: Shown | None,
        label: str,
        model: str,
        threshold: float,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        found = segmentation.masks(last.result, threshold) if last else ()
        box = next((mask.box for mask in found if mask.label == label), None)
        return refine(last, label, model, threshold, progress, box=box)

    @translate_errors
    def redraw(last: Shown | None, threshold: float, exclusive: bool) -> tuple[Any, ...]:
        if last is None:
            return (gr.skip(),) * 6
        return _drawn(last, threshold, bool(exclusive))

    drawn = [painted, answer, legend, table, download, download_coco]
    outputs = [*drawn, last, target, heat, depth, code]
    options = [threshold, model]
    redrawn: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

    def after(event: Any) -> None:
        event.success(
            lambda last, threshold, exclusive: redraw(last, threshold, True) if exclusive else (gr.skip(),) * 6,
            [last, threshold, mode],
            drawn,
            **redrawn,
        )

    after(run.click(segment, [image, prompts, *options], outputs, api_name="segment", **DEVICE))
    after(prompts.submit(segment, [image, prompts, *options], outputs, api_visibility="private", **DEVICE))
    after(run_like.click(segment_like, [image, example, box, *options], outputs, api_name="segment_like", **DEVICE))
    after(
        examples.load_input_event.then(segment, [image, prompts, *options], outputs, api_visibility="private", **DEVICE)
    )
    painted.select(click, [last, target, sign, refiner, threshold], [*drawn, last], api_visibility="private", **DEVICE)
    by_box.click(refine_by_box, [last, target, refiner, threshold], [*drawn, last], api_visibility="private", **DEVICE)
    threshold.input(redraw, [last, threshold, mode], drawn, trigger_mode="always_last", **redrawn)
    mode.input(redraw, [last, threshold, mode], drawn, **redrawn)


def _drawn(shown: Shown, threshold: float, exclusive: bool) -> tuple[Any, ...]:
    """Painted picture, JSON, legend, table and both downloads."""
    result = shown.result
    found = segmentation.masks(result, threshold, exclusive)
    rows = [mask.row() for mask in found]
    pngs = [mask.png() for mask in found]
    names = [f"mask-{number:02d}.png" for number in range(1, len(pngs) + 1)]
    answer = [{**row, "mask": _file(name, png)} for row, name, png in zip(rows, names, pngs, strict=True)]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, png in zip(names, pngs, strict=True):
            archive.writestr(name, png)
        archive.writestr(
            "prompts.txt", "".join(f"{n}  {label}\n" for n, label in zip(names, result.labels, strict=True))
        )
    coco = json.dumps(segmentation.coco(found, shown.name))
    return (
        drawing.overlay(shown.image, found),
        answer,
        _legend(result.labels),
        {
            "headers": HEADER,
            "data": [[row["label"], f"{row['coverage']:.1%}", str(row["box"] or "not found")] for row in rows],
        },
        write_file("masks.zip", packed.getvalue()),
        write_file("masks.json", coco),
    )


def _legend(labels: list[str]) -> str:
    """Each prompt beside a square of the very colour it is painted in."""
    squares = [
        f'<span class="key"><span style="background: {colour}"></span>{html.escape(label)}</span>'
        for label, colour in drawing.legend(labels)
    ]
    return f'<div class="legend">{"".join(squares)}</div>'


def _file(name: str, content: bytes) -> dict[str, Any]:
    """A file inside JSON, as Gradio's clients look for one."""
    return {"path": write_file(name, content), "orig_name": name, "meta": {"_type": "gradio.FileData"}}


TAB = Tab("segmentation", "Segmentation", 30, build)
