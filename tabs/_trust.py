# SPDX-License-Identifier: Apache-2.0

"""The line of trust under an answer, and the button that measures a model where none can be given yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from core.models.family import EMBEDDED
from core.models.trust import CONFIDENCE, look_up
from core.tasks import measuring
from core.trust import CALIBRATED, sentence
from tabs._jobs import LONG, downloaded, stoppable, stops
from tabs._lab import Lab, bind
from tabs._shown import trust
from tabs._texts import texts

COMMON = texts("common")


def line(lab: Lab, model: str, *figures: str) -> str:
    """What was measured of the model about such answers, as HTML: a sentence for each figure that is known, or that none is."""
    known = [look_up(lab.models, model, figure) for figure in figures]
    return trust(*dict.fromkeys(sentence(one) for one in known if one)) or trust(sentence(None))


def calibrated(lab: Lab, model: str, figure: str) -> bool:
    """Whether confidences of this kind of answer may be shown as percentages."""
    known = look_up(lab.models, model, f"{figure}.{CONFIDENCE}")
    return known is not None and known.measured.value <= CALIBRATED


def measure_button(lab: Lab, model: gr.Dropdown, kind: str) -> None:
    """Beside a picker: measures the chosen model on the lab's own pictures, where that is sound. `kind` is one of
    `core.tasks.measuring.KINDS`."""
    with gr.Row(visible=False) as row:
        run = gr.Button(COMMON.measure, size="sm")
        stop = gr.Button(COMMON.stop, size="sm")
    said = gr.Markdown()
    private: dict[str, Any] = {"api_visibility": "private"}

    def offered(name: str) -> tuple[Any, str]:
        can = name != EMBEDDED and name in lab.models.catalog and kind in measuring.kinds(lab.models, name)
        return gr.Row(visible=can), COMMON("measure_hint", about=measuring.KINDS[kind].about) if can else ""

    def measure(
        lab: Lab,
        name: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> Iterator[str]:
        yield from measured(lab, name, kind, progress)

    model.change(offered, model, [row, said], show_progress="hidden", **private)
    stops(stop, [run.click(bind(lab, measure), model, said, **private, **LONG)], said)


def measured(lab: Lab, model: str, kind: str, progress: gr.Progress) -> Iterator[str]:
    """How far it is, and in the end what was found; the figures are kept."""
    yield from downloaded(lab, model, progress, str)
    found = yield from stoppable(
        lambda step, stop: measuring.measure(lab.models, model, kind, lab.bundled, step, stop),
        COMMON.measuring,
        progress,
        str,
    )
    yield "  \n".join(sentence(look_up(lab.models, model, figure)) for figure in found)
