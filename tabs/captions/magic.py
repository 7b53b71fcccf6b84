"""The half of the captions tab that writes: word by word, with a step debugger."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr
import PIL.Image

from core.data.export import csv_text
from core.errors import UserError
from core.explain import decoding
from core.models.abilities import DualEncoder, LanguageModel
from core.models.family import CAPTIONER, EMBEDDED
from core.results import Draft, Step
from core.tasks import magic
from tabs._downloads import write_file
from tabs._jobs import DEVICE, fetch_model
from tabs._lab import Lab
from tabs._widgets import model_picker, whole
from web.errors import translate_errors
from web.inputs import PhotoInput, file_name

IDLE = 3600
HEADER = ["step", "chosen", "its probability", "the language model alone"]
VARIANTS = [
    ("with recalled captions (the best)", magic.RECALLED),
    ("as published", magic.PUBLISHED),
    ("contrastive search, no picture", magic.BLIND),
]
ABOUT = """A caption is **written**: a language model that never saw a picture proposes the next words, and at each one an image-text
model says which of them fits yours. Watch it grow, then open any step."""
HOW = """Each step weighs the k likeliest next words by these terms: **(1 − α) × probability** by the language model,
**− α × repetition** (how much the state after the word resembles an earlier one), and **β × picture**, a softmax over the k of
how well the text so far fits the picture. The largest sum wins. That is the rule as published. With **recalled captions**, the
probability is a mixture: the language model's, and how captions of the bank that ASIF finds near the picture go on from here.
On 80 photographs of COCO, CIDEr and how often a caption finds its picture again: recalled 0.60 and 63 %, as published 0.41 and 31 %,
no picture 0.05 and 1 %. Choosing by ASIF: 0.74 and 55 %."""


@dataclass(frozen=True)
class Written:
    draft: Draft
    rule: magic.Rule


def build(lab: Lab, image: PhotoInput) -> None:
    gr.Markdown(ABOUT)
    last = gr.State(None, time_to_live=IDLE)
    variant = magic.PUBLISHED if lab.settings.profile == "hub" else magic.RECALLED
    default = magic.VARIANTS[variant]
    with gr.Row():
        with gr.Column(min_width=300):
            with gr.Row():
                run = gr.Button("Write a caption", variant="primary")
                stop = gr.Button("Stop")
            start = gr.Radio(
                VARIANTS, value=variant, label="Rule", info="Sets what stands below; change it as you like"
            )
            k = gr.Slider(1, magic.MAX_K, default.k, step=1, label="k: words weighed at each step")
            alpha = gr.Slider(0, 1, default.alpha, step=0.05, label="α: how much repetition costs")
            beta = gr.Slider(0, 8, default.beta, step=0.1, label="β: how much the picture counts")
            with gr.Accordion("Options", open=False):
                scale = gr.Slider(
                    0,
                    magic.MAX_SCALE,
                    default.scale or 0,
                    step=0.1,
                    label="Sharpness of the picture's softmax",
                    info="0: the model's own",
                )
                recall = gr.Slider(
                    0, 1, default.recall, step=0.05, label="Share of recalled captions in the probability"
                )
                length = gr.Slider(2, magic.MAX_LENGTH, default.length, step=1, label="Longest caption, in tokens")
                model = model_picker(lab, DualEncoder)
                writer = model_picker(lab, LanguageModel, label="Language model")
                settings = [k, alpha, beta, length, scale, recall]
        with gr.Column(min_width=300):
            caption = gr.Textbox(label="Caption", interactive=False, lines=2)
            table = gr.Dataframe(label="Step by step", headers=HEADER, interactive=False, wrap=True)
            download = gr.DownloadButton("Download as CSV")
            with gr.Accordion("The result as JSON", open=False):
                evidence = gr.JSON(label="Steps, candidates and terms")
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        shown = gr.Slider(1, 2, 1, step=1, label="Step to open", interactive=True)
        plot = gr.Plot(label="The candidates of this step", show_label=False)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same caption with transformers", language="python", interactive=False)

    @translate_errors
    def caption_magic(
        image: PIL.Image.Image | None,
        k: float = default.k,
        alpha: float = default.alpha,
        beta: float = default.beta,
        max_length: float = default.length,
        model: str = EMBEDDED,
        writer: str = CAPTIONER,
        scale: float = default.scale or 0,
        recall: float = default.recall,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Generator[tuple[Any, ...], None, None]:
        """Write a caption word by word (MaGiC). Gives the caption and, as JSON, each step's candidates with their probability,
        penalty, similarity, share and score, and which was chosen. max_length counts tokens with the one that starts; scale
        sharpens the picture's softmax (0: the model's own); recall is the share of recalled captions in the probability.
        The rule as published: 45, 0.1, 2, 16, with scale 0 and recall 0."""
        tokens = whole(max_length, "The longest caption")
        rule = magic.Rule(whole(k, "k"), float(alpha), float(beta), tokens, float(scale) or None, float(recall))
        if image is None:
            raise UserError("Choose a picture first: upload one, take one, or click an example.")
        fetch_model(lab, model, progress)
        fetch_model(lab, writer, progress)
        written = None
        for (draft,) in magic.decode(lab.models, model, [image], rule, writer):
            written = Written(draft, rule)
            yield draft.text, *(gr.skip(),) * 5, written, gr.skip()
        assert written is not None
        program = magic.program(lab.models, model, writer, file_name(image), rule)
        yield written.draft.text, *laid_open(written), written, program

    @translate_errors
    def laid_open(written: Written | None) -> tuple[Any, ...]:
        """All that is shown of a caption besides its words; of one that was stopped, as far as it goes."""
        if written is None:
            return (gr.skip(),) * 5
        draft = written.draft
        rows = [_row(number, step) for number, step in enumerate(draft.steps, 1)]
        return (
            {"caption": draft.text, "ended": draft.ended, "steps": [asdict(step) for step in draft.steps]},
            {"headers": HEADER, "data": rows},
            write_file("steps.csv", csv_text(HEADER, rows)),
            gr.Slider(1, max(2, len(draft.steps)), 1),
            _figure(written, 1),
        )

    @translate_errors
    def open_step(last: Written | None, number: float) -> Any:
        return _figure(last, int(number)) if last else gr.skip()

    details = [evidence, table, download, shown, plot]
    inputs = [image, k, alpha, beta, length, model, writer, scale, recall]
    outputs = [caption, *details, last, code]
    private: dict[str, Any] = {"api_visibility": "private", **DEVICE}
    writing = run.click(caption_magic, inputs, outputs, api_name="caption_magic", **DEVICE)
    again: dict[str, Any] = {"trigger_mode": "always_last", "cancels": [writing], **private}
    rewriting = gr.on(
        [slider.release for slider in settings], _if_asked(caption_magic), [caption, *inputs], outputs, **again
    )
    reset = start.input(lambda name: _settings(magic.VARIANTS[name]), start, settings, api_visibility="private")
    anew = reset.then(_if_asked(caption_magic), [caption, *inputs], outputs, **again)
    stopped = stop.click(None, cancels=[writing, rewriting, anew], api_visibility="private")
    stopped.then(laid_open, last, details, api_visibility="private")
    shown.input(open_step, [last, shown], plot, api_visibility="private", trigger_mode="always_last")


def _settings(rule: magic.Rule) -> list[float]:
    """In the order of the sliders."""
    return [rule.k, rule.alpha, rule.beta, rule.length, rule.scale or 0, rule.recall]


def _if_asked(handler: Any) -> Any:
    """Changing a setting writes anew once there is a caption."""

    @translate_errors
    def again(shown: str, *inputs: Any) -> Generator[Any, None, None]:
        if shown:
            yield from handler(*inputs)
        else:
            yield (gr.skip(),) * 8

    return again


def _row(number: int, step: Step) -> list[Any]:
    word = decoding.word
    return [
        number,
        word(step.candidates[step.chosen]),
        f"{step.probabilities[step.chosen]:.1%}",
        f"{word(step.alone)} ({step.alone_probability:.1%})",
    ]


def _figure(written: Written, number: int) -> Any:
    steps = written.draft.steps
    number = min(max(number, 1), len(steps))
    before = " ".join(step.candidates[step.chosen] for step in steps[: number - 1])
    return decoding.figure(steps[number - 1], written.rule.alpha, written.rule.beta, before)
