# SPDX-License-Identifier: Apache-2.0

"""A second model on the same input: what both say on one axis, the largest differences first, and what decided for each."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import UserError
from core.models.abilities import Model
from core.results import Change
from tabs._jobs import LONG, stops
from tabs._lab import Lab, bind
from tabs._shown import changes, error
from tabs._texts import texts
from tabs._widgets import model_picker

SAID = texts("compare")


@dataclass(frozen=True)
class Comparison:
    """How a tab asks another model: by its own `handler`, whose input number `place` is the model; `scores` reads numbers by
    name from its output `answer`."""

    handler: Callable[..., Iterator[Any]]
    inputs: Sequence[Any]
    place: int
    needs: type[Model] | tuple[type[Model], ...]
    scores: Callable[[Any], Mapping[str, float]]


def compare_with(lab: Lab, comparison: Comparison) -> None:
    """The panel."""
    with gr.Accordion(SAID.title, open=False):
        other = model_picker(lab, comparison.needs, label=SAID.other)
        with gr.Row():
            run = gr.Button(SAID.run, size="sm")
            stop = gr.Button(SAID.stop, size="sm")
        note = gr.Markdown()
        result = gr.HTML()

    def compare(lab: Lab, *values: Any) -> Iterator[tuple[Any, Any]]:
        yield from compared(lab, comparison, *values)

    inputs = [*comparison.inputs, other]
    events = [run.click(bind(lab, compare), inputs, [note, result], api_visibility="private", **LONG)]
    stops(stop, events, note)


def compared(lab: Lab, comparison: Comparison, *values: Any) -> Iterator[tuple[Any, Any]]:
    """(note, result as HTML), from the inputs of the tab's handler and the other model."""
    *inputs, other = values
    first = inputs[comparison.place]
    try:
        if first == other:
            raise UserError(SAID.same)
        given = []
        for model in (first, other):
            inputs[comparison.place] = model
            answer = None
            for answer in comparison.handler(lab, *inputs):
                if isinstance(answer.note, str):
                    yield answer.note, gr.skip()
            assert answer is not None
            given.append(answer)
        change = Change(*(dict(comparison.scores(one.answer)) for one in given))
        yield "", changes(change, first, other) + _evidence((first, given[0].why), (other, given[1].why))
    except UserError as wrong:
        yield "", error(str(wrong))


def _evidence(*found: tuple[str, Any]) -> str:
    """Side by side, as HTML."""
    parts = "".join(
        f"<section><h4>{html.escape(name)}</h4>{why}</section>" for name, why in found if isinstance(why, str)
    )
    return f'<div class="side-by-side">{parts}</div>'
