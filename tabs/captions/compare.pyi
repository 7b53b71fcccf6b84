"""The part of the captions tab that compares: several methods, one or many pictures."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import gradio as gr
import PIL.Image

from core import images as door
from core.data.export import csv_text
from core.errors import UserError
from core.explain import alternatives, leaning
from core.results import Captioned
from core.tasks import captioning
from tabs import _base as base

HEADER = ["picture", "method", "caption", "similarity"]
DEFAULT = ["ASIF", "MaGiC", "the language model, no picture"]
ABOUT = """The same picture, or many, by several methods: ASIF, MaGiC, and captioners that **were** trained on pictures with
captions. Those are published checkpoints: each is downloaded once, when first used."""
HOW = """The bars are what decided between a method's captions of the first picture: for ASIF how much the best of the bank agree with
each, for a trained captioner the probabilities of its beams, for MaGiC the similarity of its one caption. **Similarity** in the table is
the embedded model's, for all methods alike, 0 to 1. It also chose ASIF's and MaGiC's captions, so it flatters them.

The maps are of the first captioner among the methods that can say where it looked when it was to write each word of the first picture's
caption: its cross-attention to the places; for a prefix by a resampler, the attention of the words to the prefix, and of the prefix to
the places; for a prefix by a perceptron, which looks at no place, how much each place adds to the word (Grad-CAM)."""

class MethodPicker(gr.CheckboxGroup):
    """Takes any names, as base.ModelPicker does."""

    is_template = True

    def preprocess(self, payload: Any) -> list[str]:
        return [str(name) for name in payload or []]
    from collections.abc import Callable, Sequence
    from typing import TYPE_CHECKING, Any, Literal

    from gradio.blocks import Block

    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component

def build(lab: base.Lab, image: base.PhotoInput) -> None:
    gr.Markdown(ABOUT)

    def choices() -> list[tuple[str, str]]:
        names = captioning.methods(lab.models)
        return [(name if name in captioning.METHODS else lab.models.catalog.label(name), name) for name in names]

    with gr.Row():
        with gr.Column(min_width=300):
            files = gr.File(
                label="Or many pictures",
                file_count="multiple",
                file_types=["image"],
                height=170,
            )
            methods = MethodPicker(choices(), value=DEFAULT, label="Methods")
            gr.on(None, lambda: gr.CheckboxGroup(choices()), None, methods, api_visibility="private")
            with gr.Row():
                run = gr.Button("Compare", variant="primary")
                stop = gr.Button("Stop")
        with gr.Column(min_width=300):
            note = gr.Markdown()
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
        maps = gr.Plot(label="Where it looked", show_label=False)
        gr.Markdown(HOW)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The trained captioners with transformers", language="python", interactive=False)

    @base.safe
    def caption_compare(
        image: PIL.Image.Image | None,
        files: list[str] | None = None,
        methods: list[str] | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Generator[tuple[Any, ...]]:
        """Captions of a picture, or of several files, by several methods. Gives a table, and as JSON for each picture and
        method the captions with the numbers that decided between them."""
        names = list(dict.fromkeys(methods or DEFAULT))
        pictures, titles = _pictures(image, files)
        for name in names:
            if name not in captioning.METHODS:
                base.fetch_model(lab, name, progress)
        work = base.stoppable(lambda step, stop: captioning.compare(lab.models, pictures, names, step, stop))
        found = yield from base.reported(work, "Writing captions", progress, _said)
        rows = [[titles[one.picture], one.method, one.caption, round(one.similarity, 4)] for one in found]
        listed = [_json(one, titles[one.picture]) for one in found]
        relevance = captioning.looked(lab.models, pictures[0], found)
        trained = [name for name in names if name not in captioning.METHODS]
        yield (
            {"headers": HEADER, "data": rows},
            listed,
            base.write_file("captions.csv", csv_text(HEADER, rows)),
            base.write_file("captions.json", json.dumps(listed, indent=1)),
            _found_again(found, names, len(pictures)),
            alternatives.figure([one for one in found if one.picture == 0]),
            leaning.figure(pictures[0], relevance) if relevance else None,
            "\n\n".join(captioning.program(lab.models, name, titles[0]) for name in trained),
        )

    outputs = [table, evidence, download, download_json, note, plot, maps, code]
    comparing = run.click(caption_compare, [image, files, methods], outputs, api_name="caption_compare", **base.DEVICE)
    stop.click(lambda: "Stopped.", None, note, cancels=[comparing], api_visibility="private")

def _said(note: str) -> tuple[Any, ...]:
    """An update of the note alone."""
    return (*[gr.skip()] * 4, note, *[gr.skip()] * 3)

def _pictures(image: PIL.Image.Image | None, files: list[str] | None) -> tuple[list[PIL.Image.Image], list[str]]:
    """The files if there are any, else the one picture, and what they are called."""
    if not files:
        if image is None:
            raise UserError("Choose a picture first: upload one, take one, or click an example.")
        return [image], [base.file_name(image)]
    if len(files) > captioning.MAX_PICTURES:
        raise UserError(f"That is {len(files)} pictures; at most {captioning.MAX_PICTURES} are captioned at once.")
    return [door.read(file).image for file in files], [Path(file).name for file in files]

def _json(one: Captioned, title: str) -> dict[str, Any]:
    return {
        "picture": title,
        "method": one.method,
        "caption": one.caption,
        "similarity": round(one.similarity, 4),
        "captions": one.captions,
    }

def _found_again(found: list[Captioned], names: list[str], pictures: int) -> str:
    """With several pictures: whose captions tell them apart."""
    if pictures < 2:
        return ""
    told = {name: sum(one.found for one in found if one.method == name) for name in names}
    lines = [f"- {name}: {n} of {pictures}" for name, n in told.items()]
    return "\n".join(["Captions that resemble their own picture more than any other of these:", *lines])
