"""Retrieval: find pictures by words, by a picture or by both, and captions by a picture."""

from __future__ import annotations

from typing import Any

import gradio as gr
import PIL.Image

from core.assets import EXAMPLES_FOLDER
from core.data.bundled import NAME as BUNDLED
from core.data.export import csv_text
from core.data.galleries import Gallery
from core.errors import UserError
from core.explain import gallery_map, ranking
from core.models.abilities import DualEncoder, Matcher
from core.results import Hit
from core.tasks import retrieval
from tabs import _galleries
from tabs._downloads import write_file
from tabs._jobs import DEVICE, fetch_model, stepper
from tabs._lab import Lab, Tab
from tabs._widgets import model_picker, read_more
from web.errors import translate_errors
from web.inputs import PhotoInput, file_name

IDLE = 3600  # seconds after which a visit's own gallery is cleared away
EXAMPLES = [
    ["a cat playing with wool", None],
    ["boats on a lake at sunset", None],
    ["something to drink", None],
    ["people making music", None],
    ["", "dog-german-shepherd.jpg"],
    ["at night", "coffee-cup-spoon.jpg"],
]
RECALL = ["direction", "R@1", "R@5", "R@10"]
MISSED = ["picture", "its caption", "came first", "rank of its own"]
MATCH = "probability that words and picture match"
HEADER = ["#", "score", "caption", "id"]
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
    mine = gr.State(None, time_to_live=IDLE)
    with gr.Row():
        with gr.Column(min_width=300, scale=2):
            query = gr.Textbox(label="Words", placeholder="a cat playing with wool", max_lines=3)
            image = PhotoInput(label="Or a picture", height=220)
            with gr.Row():
                find = gr.Button("Search pictures", variant="primary")
                find_captions = gr.Button("Find captions")
            gallery = gr.Dropdown(
                _galleries.choices(lab, None),
                value=BUNDLED,
                label="Gallery",
                allow_custom_value=True,
                info="Make one of your own below",
            )
            with gr.Accordion("Options", open=False):
                k = gr.Slider(1, retrieval.MAX_K, 12, step=1, label="Results")
                model = model_picker(lab, DualEncoder)
            examples = gr.Examples(
                [[words, file and str(EXAMPLES_FOLDER / file)] for words, file in EXAMPLES],
                inputs=[query, image],
                label="Examples: choose one and it runs",
                cache_examples=False,
            )
        with gr.Column(min_width=300, scale=3):
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
    with gr.Accordion("How it works", open=True):
        gr.Markdown(HOW)
        with gr.Row():
            with gr.Column(min_width=320):
                plot = gr.Plot(label="Similarities of the results", show_label=False)
            with gr.Column(min_width=320):
                chart = gr.Plot(label="Map of the gallery", show_label=False)
    with gr.Accordion("Show the code", open=False):
        code = gr.Code(label="The same ranking with transformers", language="python", interactive=False)
    with gr.Accordion("How good is it? Recall over the whole gallery", open=False):
        _recall_panel(lab, gallery, model, mine)
    with gr.Accordion("A gallery of your own", open=False):
        _galleries.panel(lab, gallery, model, mine)
    read_more(MORE)

    @translate_errors
    def search(
        query: str = "",
        image: PIL.Image.Image | None = None,
        gallery: str = BUNDLED,
        k: float = 12,
        model: str = "embedded",
        mine: Gallery | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
    ) -> tuple[Any, ...]:
        """Find the k pictures of a gallery nearest to words, to a picture, or to the mean of both."""
        chosen = _galleries.open_gallery(lab, gallery, mine)
        fetch_model(lab, model, progress)
        vector = retrieval.query_vector(lab.models, model, query, image)
        hits = retrieval.search(lab.models, model, chosen, vector, k, stepper(progress, "Looking at the gallery"))
        program = retrieval.program(lab.models, model, chosen.name, query, file_name(image) if image else "", len(hits))
        return (
            _pictures(chosen, hits),
            *_ranking(hits),
            ranking.figure(hits),
            _map(lab, model, chosen, vector, hits),
            program,
        )

    @translate_errors
    def rerank(
        query: str,
        ranking_json: list[dict[str, Any]] | None,
        gallery: str = BUNDLED,
        model: str = "embedded",
        mine: Gallery | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Order a ranking anew with a model that reads the words and each picture together (BLIP's matching head, or one
        trained by a run)."""
        chosen = _galleries.open_gallery(lab, gallery, mine)
        fetch_model(lab, model, progress)
        ids = [str(entry.get("id")) for entry in ranking_json or [] if isinstance(entry, dict)]
        step = stepper(progress, "Reading words and pictures together")
        hits = retrieval.rerank(lab.models, model, chosen, query, ids, step)
        return _pictures(chosen, hits), *_ranking(hits), ranking.figure(hits, MATCH)

    @translate_errors
    def describe(
        image: PIL.Image.Image | None,
        gallery: str = BUNDLED,
        k: float = 12,
        model: str = "embedded",
        mine: Gallery | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Find the k captions of a gallery nearest to a picture."""
        if image is None:
            raise UserError("Choose a picture first: captions are found for a picture.")
        chosen = _galleries.open_gallery(lab, gallery, mine)
        fetch_model(lab, model, progress)
        vector = retrieval.query_vector(lab.models, model, "", image)
        hits = retrieval.search_captions(
            lab.models, model, chosen, vector, k, stepper(progress, "Reading the captions")
        )
        return (
            *_ranking(hits),
            [],
            ranking.figure(hits),
            _map(lab, model, chosen, vector, hits),
            "",
        )

    shown = [answer, table, download]
    inputs = [query, image, gallery, k, model, mine]
    outputs = [found, *shown, plot, chart, code]
    find.click(search, inputs, outputs, api_name="search", scroll_to_output=True, **DEVICE)
    query.submit(search, inputs, outputs, api_visibility="private", **DEVICE)
    examples.load_input_event.then(search, inputs, outputs, api_visibility="private", scroll_to_output=True, **DEVICE)
    find_captions.click(describe, inputs[1:], [*shown, found, plot, chart, code], api_name="find_captions", **DEVICE)
    again.click(rerank, [query, answer, gallery, matcher, mine], [found, *shown, plot], api_name="rerank", **DEVICE)


def _recall_panel(lab: Lab, gallery: gr.Dropdown, model: gr.Dropdown, mine: gr.State) -> None:
    gr.Markdown(
        "Every caption looks for its own picture, and every picture for its own caption. **Recall@k** is the share that "
        "finds it among the first k. Below are the worst failures: what was asked for, and what came first instead."
    )
    measure = gr.Button("Measure")
    table = gr.Dataframe(label="Recall", headers=RECALL, interactive=False)
    failures = gr.Gallery(
        label="Failures, words to pictures", columns=4, height="auto", object_fit="contain", format="jpeg"
    )
    missed = gr.Dataframe(label="Failures, pictures to words", headers=MISSED, interactive=False, wrap=True)

    @translate_errors
    def recall(
        gallery: str = BUNDLED,
        model: str = "embedded",
        mine: Gallery | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        """Recall@1, 5 and 10 of a captioned gallery in both directions, with the worst failures."""
        chosen = _galleries.open_gallery(lab, gallery, mine)
        fetch_model(lab, model, progress)
        words, pictures = retrieval.evaluate(lab.models, model, chosen, stepper(progress, "Looking at the gallery"))
        paths = {item.id: item.path for item in chosen.items}
        rows = [
            [direction, *(round(found.at[at], 3) for at in (1, 5, 10))]
            for direction, found in (("words to pictures", words), ("pictures to words", pictures))
        ]
        shown = [
            (_galleries.thumbnail(paths[miss.got]), f"“{miss.query}” found this first; its own came at {miss.rank}")
            for miss in words.failures
        ]
        misses = [[miss.query, miss.wanted, miss.got, miss.rank] for miss in pictures.failures]
        return (
            {"headers": RECALL, "data": rows},
            shown,
            {"headers": MISSED, "data": misses},
        )

    measure.click(recall, [gallery, model, mine], [table, failures, missed], api_name="recall", **DEVICE)


def _ranking(hits: list[Hit]) -> tuple[Any, ...]:
    """JSON, table and CSV."""
    answer = [{"id": hit.id, "score": round(hit.score, 6), "caption": hit.caption} for hit in hits]
    rows = [[rank, round(hit.score, 4), hit.caption, hit.id] for rank, hit in enumerate(hits, 1)]
    return answer, {"headers": HEADER, "data": rows}, write_file("ranking.csv", csv_text(HEADER, rows))


def _pictures(gallery: Gallery, hits: list[Hit]) -> list[tuple[Any, str]]:
    paths = {item.id: item.path for item in gallery.items}
    return [(_galleries.thumbnail(paths[hit.id]), hit.caption or hit.id) for hit in hits if hit.id in paths]


def _map(lab: Lab, model: str, gallery: Gallery, query: Any, hits: list[Hit]) -> Any:
    items = gallery.items
    plane = retrieval.plane(lab.models, model, gallery, items)
    place = {item.id: index for index, item in enumerate(items)}
    found = list(dict.fromkeys(place[hit.id] for hit in hits if hit.id in place))
    return gallery_map.figure(plane.points, plane.place(query[None]), [item.caption for item in items], found)


TAB = Tab("retrieval", "Retrieval", 40, build)
