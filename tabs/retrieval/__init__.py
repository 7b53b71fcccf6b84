# SPDX-License-Identifier: Apache-2.0

"""Retrieval: find pictures by words, by a picture or by both, and captions by a picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.assets import EXAMPLES_FOLDER
from core.data.bundled import NAME as BUNDLED
from core.models.abilities import DualEncoder, Matcher
from core.tasks.retrieval import MAX_RESULTS
from tabs._galleries import choices
from tabs._jobs import SEARCH, stops
from tabs._lab import Lab, Tab, bind
from tabs._outputs import part
from tabs._widgets import code_panel, model_picker, read_more
from tabs.retrieval import own_gallery, recall
from tabs.retrieval.searching import HEADER, Found, FoundCaptions, Reranked, describe, rerank, search
from web.inputs import PhotoInput

IDLE_S = 3600  # after its last use a visit's own gallery is cleared away
EXAMPLES: list[tuple[str, str | None]] = [
    ("a cat playing with wool", None),
    ("boats on a lake at sunset", None),
    ("something to drink", None),
    ("people making music", None),
    ("", "dog-german-shepherd.jpg"),
    ("at night", "coffee-cup-spoon.jpg"),
]
ABOUT = """Describe a picture and find it, or give a picture and find others like it. Words and pictures become vectors
in one space; the nearest ones win."""
HOW = """The bars are the **cosine similarities** that decided the order. The map squeezes the gallery's vectors into two
dimensions (their two directions of greatest spread), with your query as a star: neighbours on the map are often, but
not always, neighbours in the space, because two dimensions cannot hold them all."""
MORE = """**Read more:** [CLIP](https://arxiv.org/abs/2103.00020) made retrieval by a shared space popular;
[LanceDB](https://lancedb.github.io/lancedb/) keeps the galleries; the article
[A Dive into Vision-Language Models](https://huggingface.co/blog/vision_language_pretraining), section “Contrastive Learning”."""


def build(lab: Lab) -> None:
    gr.Markdown(ABOUT)
    mine = gr.State(None, time_to_live=IDLE_S)
    with gr.Row():
        with gr.Column(min_width=300, scale=2):
            query = gr.Textbox(label="Words", placeholder="a cat playing with wool", max_lines=3)
            image = PhotoInput(label="Or a picture", height=220)
            with gr.Row():
                find = gr.Button("Search pictures", variant="primary")
                find_captions = gr.Button("Find captions")
                stop = gr.Button("Stop")
            gallery = gr.Dropdown(
                choices(lab, None),
                value=BUNDLED,
                label="Gallery",
                allow_custom_value=True,
                info="Make one of your own below",
            )
            with gr.Accordion("Options", open=False):
                k = gr.Slider(1, MAX_RESULTS, 12, step=1, label="Results")
                model = model_picker(lab, DualEncoder)
            examples = gr.Examples(
                [[words, file and str(EXAMPLES_FOLDER / file)] for words, file in EXAMPLES],
                inputs=[query, image],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300, scale=3):
            shown, matcher, again = _ranking(lab)
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        with gr.Row():
            with gr.Column(min_width=320):
                plot = gr.Plot(label="Similarities of the results", show_label=False)
            with gr.Column(min_width=320):
                chart = gr.Plot(label="Map of the gallery", show_label=False)
    code = code_panel("The same ranking with transformers")
    with gr.Accordion("How good is it? Recall over the whole gallery", open=False):
        recall.panel(lab, gallery, model, mine)
    with gr.Accordion("A gallery of your own", open=False):
        own_gallery.panel(lab, gallery, model, mine)
    read_more(MORE)

    outputs = Found(**shown, plot=plot, chart=chart, code=code)
    inputs = [query, image, gallery, k, model, mine]
    searching = {"fn": bind(lab, search), "inputs": inputs, "outputs": list(outputs), **SEARCH}
    private: dict[str, Any] = {"api_visibility": "private"}
    events = [
        find.click(**searching, api_name="search", scroll_to_output=True),
        query.submit(**searching, **private),
        examples.load_input_event.then(**searching, scroll_to_output=True, **private),
        find_captions.click(
            bind(lab, describe), inputs[1:], list(part(FoundCaptions, outputs)), api_name="find_captions", **SEARCH
        ),
        again.click(
            bind(lab, rerank),
            [query, outputs.answer, gallery, matcher, mine],
            list(part(Reranked, outputs)),
            api_name="rerank",
            **SEARCH,
        ),
    ]
    stops(stop, events, outputs.note)


def _ranking(lab: Lab) -> tuple[dict[str, Any], gr.Dropdown, gr.Button]:
    """What was found, by the names of the outputs; and what orders it anew."""
    note = gr.Markdown(label="Note")
    found = gr.Gallery(
        label="Pictures found, best first", columns=3, height="auto", object_fit="contain", format="jpeg"
    )
    table = gr.Dataframe(label="Ranking", headers=HEADER, interactive=False, wrap=True)
    download = gr.DownloadButton("Download the ranking as CSV")
    with gr.Accordion("Order anew: by a model that reads words and picture together", open=False):
        matcher = model_picker(lab, Matcher, label="Model that orders")
        again = gr.Button("Order anew")
    with gr.Accordion("The ranking as JSON", open=False):
        answer = gr.JSON(label="Ranking")
    return {"found": found, "answer": answer, "table": table, "download": download, "note": note}, matcher, again


TAB = Tab("retrieval", "Retrieval", 40, build)
