# SPDX-License-Identifier: Apache-2.0

"""How good a model's retrieval is: recall over a whole captioned gallery, with the worst failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from core.data.bundled import NAME as BUNDLED
from core.data.galleries import Gallery
from core.models.family import EMBEDDED
from core.tasks import retrieval
from tabs._galleries import open_gallery, thumbnail
from tabs._jobs import LONG, downloaded, stoppable, stops
from tabs._lab import Lab, bind
from tabs._outputs import only
from tabs._values import rows

RECALL = ["direction", "R@1", "R@5", "R@10"]
MISSED = ["picture", "its caption", "came first", "rank of its own"]
ABOUT = """Every caption looks for its own picture, and every picture for its own caption. **Recall@k** is the share that
finds it among the first k. Below are the worst failures: what was asked for, and what came first instead."""


class Outputs(NamedTuple):
    table: Any
    failures: Any
    missed: Any
    note: Any


def panel(lab: Lab, gallery: gr.Dropdown, model: gr.Dropdown, mine: gr.State) -> None:
    gr.Markdown(ABOUT)
    with gr.Row():
        run = gr.Button("Measure")
        stop = gr.Button("Stop")
    note = gr.Markdown(label="Note")
    outputs = Outputs(
        gr.Dataframe(label="Recall", headers=RECALL, interactive=False),
        gr.Gallery(label="Failures, words to pictures", columns=4, height="auto", object_fit="contain", format="jpeg"),
        gr.Dataframe(label="Failures, pictures to words", headers=MISSED, interactive=False, wrap=True),
        note,
    )
    measuring = run.click(bind(lab, recall), [gallery, model, mine], list(outputs), api_name="recall", **LONG)
    stops(stop, [measuring], note)


def recall(
    lab: Lab,
    gallery: str = BUNDLED,
    model: str = EMBEDDED,
    mine: Gallery | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Outputs]:
    """Recall@1, 5 and 10 of a captioned gallery in both directions, with the worst failures."""

    def note(words: str) -> Outputs:
        return only(Outputs, note=words)

    chosen = open_gallery(lab, gallery, mine)
    yield from downloaded(lab, model, progress, note)
    words, pictures = yield from stoppable(
        lambda step, stop: retrieval.evaluate(lab.models, model, chosen, step, stop), "Measuring", progress, note
    )
    paths = {item.id: item.path for item in chosen.items}
    data = [
        [direction, *(round(found.at[at], 3) for at in (1, 5, 10))]
        for direction, found in (("words to pictures", words), ("pictures to words", pictures))
    ]
    yield Outputs(
        table=rows(RECALL, data),
        failures=[
            (thumbnail(paths[miss.got]), f"“{miss.query}” found this first; its own came at {miss.rank}")
            for miss in words.failures
        ],
        missed=rows(MISSED, [[miss.query, miss.wanted, miss.got, miss.rank] for miss in pictures.failures]),
        note="",
    )
