"""The half of the captions tab that chooses: a caption of a bank, by the anchors that it shares with the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import PIL.Image

from core.data import bank as banks
from core.data.bundled import NAME as BUNDLED
from core.data.export import csv_text
from core.data.galleries import Gallery
from core.errors import UserError
from core.explain import anchors as drawing
from core.models.abilities import AnchoredEncoder
from core.results import AsifCaption
from core.tasks import asif
from tabs import _galleries
from tabs._downloads import write_file
from tabs._jobs import DEVICE, stepper
from tabs._lab import Lab
from tabs._widgets import model_picker, whole
from web.errors import translate_errors
from web.inputs import PhotoInput, file_name

IDLE = 3600
BANKS = [
    ("written by the lab's language model", "bundled"),
    ("the demo gallery's captions", "gallery"),
    ("a text file of mine", "mine"),
]
ALWAYS = [value for _, value in BANKS]
HEADER = ["caption", "score", "agreement"]
FILE_BYTES = 30 * 2**20
ABOUT = """A caption is **chosen** from a bank of sentences: picture and sentence are each described by how much they resemble
named **anchors**, and the sentences that resemble the same anchors come first. Of the best ones, the one that the others
agree with most is the answer. Nothing was trained on pairs of pictures and captions."""
HOW = """Above: the anchors that fired for the picture, those that fired for the caption, and the products that add up to the score.
Take an anchor away, or add one of your own, and see what changes: every score is such a sum. **k** is how many anchors
are kept on each side, **p** sharpens them. The published use, zero-shot classification, is the same sum with labels in the place
of captions."""


def build(lab: Lab, image: PhotoInput, examples: gr.Examples) -> None:
    gr.Markdown(ABOUT)
    added = gr.State([], time_to_live=IDLE)
    with gr.Row():
        with gr.Column(min_width=300):
            bank = gr.Dropdown(
                _banks(lab),
                value="bundled",
                label="Bank of captions",
                allow_custom_value=True,
                info="Galleries kept under “Retrieval” are listed, too",
            )
            own = gr.File(label="Your bank: a text file, one caption a line", file_types=[".txt"], visible=False)
            run = gr.Button("Choose a caption", variant="primary")
            removed = gr.Dropdown(
                [],
                multiselect=True,
                allow_custom_value=True,
                label="Anchors taken away",
                info="Those that fired are listed after an answer; any other class name can be typed. Delete one to put it back.",
            )
            with gr.Accordion("Add an anchor of your own", open=False):
                picture = PhotoInput(label="A picture", height=180)
                words = gr.Textbox(label="What it stands for", placeholder="a kitten playing with yarn", max_lines=2)
                with gr.Row():
                    add = gr.Button("Add")
                    clear = gr.Button("Remove all of mine")
                mine = gr.Markdown()
            with gr.Accordion("Options", open=False):
                k = gr.Slider(1, banks.ANCHORS, asif.K, step=1, label="k: anchors kept on each side")
                p = gr.Slider(0.5, 8, asif.P, step=0.1, label="p: how sharply the strongest count")
                leave_out = gr.Checkbox(True, label="If the picture is in the gallery, leave its own caption out")
                model = model_picker(lab, AnchoredEncoder)
        with gr.Column(min_width=300):
            caption = gr.Textbox(label="Caption", interactive=False, lines=2)
            table = gr.Dataframe(label="The captions most agreed upon", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
            with gr.Accordion("The result as JSON", open=False):
                evidence = gr.JSON(label="Anchors and products")
            with gr.Accordion("Labels in the place of captions", open=False):
                labels = gr.Textbox("cat, dog, boat", label="Labels, separated by commas")
                score_labels = gr.Button("Score them by the same anchors")
                scored = gr.Label(label="Scores", num_top_classes=10)
    with gr.Accordion("How it works", open=True):
        plot = gr.Plot(label="The anchors behind the caption", show_label=False)
        gr.Markdown(HOW)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same caption by a short program", language="python", interactive=False)

    @translate_errors
    def caption_asif(
        image: PIL.Image.Image | None,
        bank: str = "bundled",
        k: float = asif.K,
        p: float = asif.P,
        model: str = "embedded",
        own: str | None = None,
        removed: list[str] | None = None,
        leave_out: bool = True,
        added: list[Any] | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Choose a caption for a picture from a bank: "bundled", "gallery", the name of a kept gallery, or "mine" with a
        text file of one caption a line. Gives the caption and, as JSON, the anchors that it shares with the picture with
        both sides and products."""
        gallery = lab.bundled if bank in ALWAYS else _galleries.open_gallery(lab, bank, None)
        edits = asif.Edits(tuple(removed or ()), tuple(added or ()))
        found = asif.caption(
            lab.models,
            image,
            _bank(lab, bank, gallery, own, progress),
            whole(k, "k"),
            float(p),
            edits,
            asif.own_caption(lab.models, gallery, image, model) if leave_out else "",
            model,
        )
        rows = [[one.caption, round(one.score, 4), round(one.agreement, 4)] for one in found.best]
        names = [anchor.name for anchor in found.evidence]
        return (
            found.caption,
            _json(found),
            {"headers": HEADER, "data": rows},
            write_file("captions.csv", csv_text(HEADER, rows)),
            drawing.figure(found.picture, found.words, found.names, found.caption),
            gr.Dropdown(list(dict.fromkeys([*(removed or ()), *names])), value=removed or []),
            asif.program(file_name(image), whole(k, "k"), float(p))
            if bank == "bundled" and not (added or removed)
            else "",
        )

    @translate_errors
    def add_anchor(added: list[Any], picture: PIL.Image.Image | None, words: str) -> tuple[Any, str]:
        if len(added) >= asif.MAX_ADDED:
            raise UserError(f"At most {asif.MAX_ADDED} anchors can be added. Remove yours first.")
        added = [*added, asif.anchor(picture, words[:200])]
        return added, f"{len(added)} of your own"

    @translate_errors
    def by_labels(image: PIL.Image.Image | None, labels: str, k: float, p: float, model: str) -> dict[str, float]:
        names = list(dict.fromkeys(label.strip() for label in (labels or "").split(",") if label.strip()))[:50]
        if image is None or not names:
            raise UserError("Choose a picture and type labels first.")
        return dict(
            zip(names, asif.label_scores(lab.models, image, names, whole(k, "k"), float(p), model), strict=True)
        )

    inputs = [image, bank, k, p, model, own, removed, leave_out, added]
    outputs = [caption, evidence, table, download, plot, removed, code]
    private: dict[str, Any] = {"api_visibility": "private", **DEVICE}
    run.click(caption_asif, inputs, outputs, api_name="caption_asif", **DEVICE)
    examples.load_input_event.then(caption_asif, inputs, outputs, **private)
    again: dict[str, Any] = {"trigger_mode": "always_last", **private}
    gr.on([removed.input, k.release, p.release], _if_asked(caption_asif), [caption, *inputs], outputs, **again)
    add.click(add_anchor, [added, picture, words], [added, mine], api_visibility="private").success(
        _if_asked(caption_asif), [caption, *inputs], outputs, **private
    )
    clear.click(lambda: ([], ""), None, [added, mine], api_visibility="private").success(
        _if_asked(caption_asif), [caption, *inputs], outputs, **private
    )
    gr.on(None, lambda: gr.Dropdown(_banks(lab)), None, bank, api_visibility="private")  # when the page opens
    bank.change(lambda name: gr.File(visible=name == "mine"), bank, own, api_visibility="private")
    score_labels.click(by_labels, [image, labels, k, p, model], scored, **private)


def _if_asked(handler: Any) -> Any:
    """Changing a setting answers anew once there is an answer."""

    @translate_errors
    def again(shown: str, *inputs: Any) -> Any:
        return handler(*inputs) if shown else (gr.skip(),) * 7

    return again


def _banks(lab: Lab) -> list[tuple[str, str]]:
    """Those that are always there, and the captions of kept galleries."""
    kept = [(f"the captions of “{name}”", value) for name, value in _galleries.choices(lab, None) if value != BUNDLED]
    return [*BANKS, *kept]


def _bank(lab: Lab, name: str, gallery: Gallery, own: str | None, progress: gr.Progress) -> banks.Bank:
    if name == "bundled":
        return banks.shipped()
    step = stepper(progress, "Reading the bank")
    if name != "mine":
        captions = list(dict.fromkeys(item.caption for item in gallery.items if item.caption))
        if not captions:
            raise UserError("This gallery has no captions. Choose another bank.")
        return banks.make(lab.models, captions, on_step=step)
    if not own:
        raise UserError("Choose your text file first: one caption a line.")
    path = Path(own)
    if path.stat().st_size > FILE_BYTES:
        raise UserError(f"That file is larger than {FILE_BYTES // 2**20} MB. Use a shorter bank.")
    return banks.make(lab.models, banks.parse(path.read_text(encoding="utf-8", errors="replace")), on_step=step)


def _json(found: AsifCaption) -> dict[str, Any]:
    return {
        "caption": found.caption,
        "highest score": found.first,
        "best": [one.__dict__ for one in found.best],
        "anchors": [anchor._asdict() for anchor in found.evidence],
    }
