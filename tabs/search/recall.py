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
from tabs._texts import texts
from tabs._values import rows

SAID, COMMON = texts("recall"), texts("common")
RECALL = [SAID.direction, "R@1", "R@5", "R@10"]
MISSED = [SAID.picture, SAID.caption, SAID.first, SAID.rank]


class Outputs(NamedTuple):
    table: Any
    failures: Any
    missed: Any
    note: Any


def panel(lab: Lab, gallery: gr.Dropdown, model: gr.Dropdown, mine: gr.State) -> None:
    gr.Markdown(SAID.about)
    with gr.Row():
        run = gr.Button(SAID.run)
        stop = gr.Button(COMMON.stop)
    note = gr.Markdown(label=SAID.note)
    outputs = Outputs(
        gr.Dataframe(label=SAID.table, headers=RECALL, interactive=False),
        gr.Gallery(label=SAID.failures, columns=4, height="auto", object_fit="contain", format="jpeg"),
        gr.Dataframe(label=SAID.missed, headers=MISSED, interactive=False, wrap=True),
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
        lambda step, stop: retrieval.evaluate(lab.models, model, chosen, step, stop), SAID.measuring, progress, note
    )
    paths = {item.id: item.path for item in chosen.items}
    data = [
        [direction, *(round(found.at[at], 3) for at in (1, 5, 10))]
        for direction, found in ((SAID.to_pictures, words), (SAID.to_words, pictures))
    ]
    yield Outputs(
        table=rows(RECALL, data),
        failures=[
            (thumbnail(paths[miss.got]), SAID("failure", query=miss.query, rank=miss.rank)) for miss in words.failures
        ],
        missed=rows(MISSED, [[miss.query, miss.wanted, miss.got, miss.rank] for miss in pictures.failures]),
        note="",
    )
