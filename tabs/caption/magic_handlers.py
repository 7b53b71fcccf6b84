# SPDX-License-Identifier: Apache-2.0

"""What the events of MaGiC's part of the captions tab do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.data.export import csv_text
from core.explain import decoding
from core.explain.drawing import Drawing
from core.models.family import CAPTIONER, EMBEDDED
from core.results import Draft, Step
from core.tasks import magic
from tabs._downloads import write_file
from tabs._jobs import downloaded, report, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import drawings, listed, sentence
from tabs._texts import texts
from tabs._trust import line
from tabs._values import lines, needed, whole
from web.inputs import file_name

SAID = texts("caption")
HEADER = ["step", "chosen", "its probability", "the language model alone"]
DEFAULT = magic.VARIANTS[magic.RECALLED]
PUBLIC = ("caption", "answer", "note", "table", "download", "code")  # what programs get


class Outputs(NamedTuple):
    caption: Any  # for programs
    answer: Any  # for programs: each step's candidates and terms
    shown: Any
    note: Any
    table: Any
    numbers: Any
    download: Any
    step: Any
    why: Any
    last: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any


@dataclass(frozen=True)
class Written:
    """A visit's last caption, as far as it is written, and the rule that it is written by."""

    draft: Draft
    rule: magic.Rule


def caption_magic(
    lab: Lab,
    image: PIL.Image.Image | None,
    k: float = DEFAULT.k,
    alpha: float = DEFAULT.alpha,
    beta: float = DEFAULT.beta,
    max_length: float = DEFAULT.length,
    model: str = EMBEDDED,
    writer: str = CAPTIONER,
    scale: float = DEFAULT.scale or 0,
    recall: float = DEFAULT.recall,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Write a caption word by word (MaGiC). Gives the caption and, as JSON, each step's candidates with their probability,
    penalty, similarity, share and score, and which was chosen. max_length counts tokens with the one that starts; scale
    sharpens the picture's softmax (0: the model's own); recall is the share of recalled captions in the probability.
    The rule as published: 45, 0.1, 2, 16, with scale 0 and recall 0."""
    tokens = whole(max_length, SAID.longest)
    rule = magic.Rule(whole(k, "k"), float(alpha), float(beta), tokens, float(scale) or None, float(recall))
    image = needed(image)
    yield from downloaded(lab, model, progress, _noted)
    yield from downloaded(lab, writer, progress, _noted)
    began, stop = time.monotonic(), threading.Event()
    written: Written | None = None

    def noted(_: str = "") -> Outputs:
        said = {"caption": written.draft.text, "shown": sentence(written.draft.text)} if written else {}
        done = len(written.draft.steps) if written else 0
        return only(Outputs, note=report(SAID.token, done, rule.length - 1, time.monotonic() - began), **said)

    drafts = magic.decode(lab.models, model, [image], rule, writer, stop)
    try:
        while found := (yield from stoppable(lambda *_: next(drafts, None), SAID.writing, progress, noted)):
            written = Written(found[0], rule)
            yield noted()._replace(last=written)
    finally:
        stop.set()  # where this generator is closed within a token, which its thread is still busy with
    assert written is not None
    yield only(
        Outputs,
        caption=written.draft.text,
        **{**_details(written), "shown": sentence(written.draft.text) + _trust(lab, model, rule)},
        last=written,
        code=magic.program(lab.models, model, writer, file_name(image), rule),
        note=lines(images.note(image)),
    )


def caption_again(lab: Lab, shown: str, *inputs: Any) -> Iterator[Outputs]:
    """After a change of settings: a new caption, once there is one."""
    if shown:
        yield from caption_magic(lab, *inputs)
    else:
        yield only(Outputs)


def stopped(lab: Lab, last: Written | None) -> Outputs:
    """All that is shown of a caption that was stopped, as far as it goes."""
    return only(Outputs, **_details(last), note=SAID.stopped) if last else only(Outputs)


def open_step(lab: Lab, last: Written | None, number: float) -> Any:
    """The drawing of one step, as HTML."""
    return drawings(_figure(last, int(number))) if last else gr.skip()


def _trust(lab: Lab, model: str, rule: magic.Rule) -> str:
    """Of the two rules that were measured."""
    published = rule == magic.VARIANTS[magic.PUBLISHED]
    measured = "caption_magic.CIDEr as published" if published else "caption_magic.CIDEr"
    return line(lab, model, *([measured] if published or rule == DEFAULT else []))


def settings(rule: magic.Rule) -> list[float]:
    """In the order of the sliders: k, alpha, beta, length, scale, recall."""
    return [rule.k, rule.alpha, rule.beta, rule.length, rule.scale or 0, rule.recall]


def _noted(note: str) -> Outputs:
    return only(Outputs, note=note)


def _details(written: Written) -> dict[str, Any]:
    """All that is shown besides the words, by the names of the outputs."""
    draft = written.draft
    data = [_row(number, step) for number, step in enumerate(draft.steps, 1)]
    return {
        "shown": sentence(draft.text),
        "answer": {"caption": draft.text, "ended": draft.ended, "steps": [asdict(step) for step in draft.steps]},
        **listed(HEADER, data),
        "download": write_file("steps.csv", csv_text(HEADER, data)),
        "step": gr.Slider(1, max(2, len(draft.steps)), 1),
        "why": drawings(_figure(written, 1)),
        "details": gr.Column(visible=True),
    }


def _row(number: int, step: Step) -> list[Any]:
    return [
        number,
        decoding.word(step.candidates[step.chosen]),
        f"{step.probabilities[step.chosen]:.1%}",
        f"{decoding.word(step.alone)} ({step.alone_probability:.1%})",
    ]


def _figure(written: Written, number: int) -> Drawing:
    steps = written.draft.steps
    number = min(max(number, 1), len(steps))
    before = " ".join(step.candidates[step.chosen] for step in steps[: number - 1])
    return decoding.drawing(steps[number - 1], written.rule.alpha, written.rule.beta, before)
