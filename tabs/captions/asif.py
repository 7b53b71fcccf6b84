# SPDX-License-Identifier: Apache-2.0

"""The part of the captions tab that chooses: a caption of a bank, by the anchors that it shares with the picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.data.bank import ANCHORS as MAX_K
from core.data.bundled import NAME as BUNDLED
from core.models.abilities import AnchoredEncoder
from core.tasks import asif
from tabs._galleries import choices
from tabs._jobs import SEARCH, stops
from tabs._lab import Lab, bind
from tabs._widgets import code_panel, model_picker
from tabs.captions import asif_handlers as handlers
from web.inputs import FileInput, PhotoInput

IDLE_S = 3600
BANKS = [
    ("written by the lab's language model", "bundled"),
    ("the demo gallery's captions", "gallery"),
    ("a text file of mine", "mine"),
]
HEADER = handlers.HEADER
ABOUT = """A caption is **chosen** from a bank of sentences: picture and sentence are each described by how much they resemble
named **anchors**, and the sentences that resemble the same anchors come first. Of the best ones, the one that the others
agree with most is the answer. Nothing was trained on pairs of pictures and captions."""
HOW = """Above: the anchors that match the picture, those that match the caption, and the products that add up to the score.
Remove an anchor, or add one of your own, and see what changes: every score is such a sum. **k** is how many anchors
are kept on each side, **p** sharpens them. The published use, zero-shot classification, is the same sum with labels in the place
of captions."""


def build(lab: Lab, image: PhotoInput, examples: Any) -> None:
    gr.Markdown(ABOUT)
    added = gr.State([], time_to_live=IDLE_S)
    with gr.Row():
        with gr.Column(min_width=300):
            bank = gr.Dropdown(
                _banks(lab),
                value="bundled",
                label="Bank of captions",
                allow_custom_value=True,
                info="Galleries kept under “Retrieval” are listed, too",
            )
            own = FileInput(label="Your bank: a text file, one caption a line", file_types=[".txt"], visible=False)
            with gr.Row():
                run = gr.Button("Choose a caption", variant="primary")
                stop = gr.Button("Stop")
            removed = gr.Dropdown(
                [],
                multiselect=True,
                allow_custom_value=True,
                label="Removed anchors",
                info="Matching ones are listed after an answer; any other class name can be typed. Delete one to put it back.",
            )
            picture, words, add, clear, mine = _own_anchor()
            with gr.Accordion("Options", open=False):
                k = gr.Slider(1, MAX_K, asif.K, step=1, label="k: anchors kept on each side")
                p = gr.Slider(0.5, 8, asif.P, step=0.1, label="p: how sharply the strongest count")
                leave_out = gr.Checkbox(True, label="If the picture is in the gallery, leave its own caption out")
                model = model_picker(lab, AnchoredEncoder)
        with gr.Column(min_width=300):
            caption = gr.Textbox(label="Caption", interactive=False, lines=2)
            note = gr.Markdown(label="Note")
            table = gr.Dataframe(label="The captions most agreed upon", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
            with gr.Accordion("The result as JSON", open=False):
                evidence = gr.JSON(label="Anchors and products")
            labels, score_labels, scored = _labels()
    with gr.Accordion("How it works", open=True):
        plot = gr.Plot(label="The anchors behind the caption", show_label=False)
        gr.Markdown(HOW)
    code = code_panel("The same caption by a short program")
    outputs = list(handlers.Outputs(caption, evidence, table, download, plot, removed, code, note))

    inputs = [image, bank, k, p, model, own, removed, leave_out, added]
    private: dict[str, Any] = {"api_visibility": "private"}
    choose = {"fn": bind(lab, handlers.caption_asif), "inputs": inputs, "outputs": outputs, **SEARCH}
    again = {"fn": bind(lab, handlers.caption_again), "inputs": [caption, *inputs], "outputs": outputs, **SEARCH}
    events = [
        run.click(**choose, api_name="caption_asif"),
        examples.load_input_event.then(**choose, **private),
        gr.on([removed.input, k.release, p.release], **again, trigger_mode="always_last", **private),
        add.click(bind(lab, handlers.add_anchor), [added, picture, words], [added, mine], **private).success(
            **again, **private
        ),
        clear.click(lambda: ([], ""), None, [added, mine], **private).success(**again, **private),
    ]
    stops(stop, events, note)
    gr.on(None, lambda: gr.Dropdown(_banks(lab)), None, bank, **private)  # when the page opens
    bank.change(lambda name: gr.File(visible=name == "mine"), bank, own, **private)
    score_labels.click(bind(lab, handlers.by_labels), [image, labels, k, p, model], scored, **SEARCH, **private)


def _own_anchor() -> tuple[PhotoInput, gr.Textbox, gr.Button, gr.Button, gr.Markdown]:
    with gr.Accordion("Add an anchor of your own", open=False):
        picture = PhotoInput(label="A picture", height=180)
        words = gr.Textbox(label="What it stands for", placeholder="a kitten playing with yarn", max_lines=2)
        with gr.Row():
            add = gr.Button("Add")
            clear = gr.Button("Remove all of mine")
        return picture, words, add, clear, gr.Markdown()


def _labels() -> tuple[gr.Textbox, gr.Button, gr.Label]:
    with gr.Accordion("Labels in the place of captions", open=False):
        labels = gr.Textbox("cat, dog, boat", label="Labels, separated by commas")
        score = gr.Button("Score them by the same anchors")
        return labels, score, gr.Label(label="Scores", num_top_classes=10)


def _banks(lab: Lab) -> list[tuple[str, str]]:
    """Those that are always there, and the captions of kept galleries."""
    kept = [(f"the captions of “{name}”", value) for name, value in choices(lab, None) if value != BUNDLED]
    return [*BANKS, *kept]
