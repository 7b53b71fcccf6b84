# SPDX-License-Identifier: Apache-2.0

"""What the searches of the retrieval tab do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
import PIL.Image

from core import images
from core.data.bundled import NAME as BUNDLED
from core.data.export import csv_text
from core.data.galleries import Gallery
from core.errors import UserError
from core.explain import gallery_map, ranking
from core.models.family import EMBEDDED
from core.results import Hit
from core.tasks import retrieval
from tabs._downloads import write_file
from tabs._galleries import open_gallery, thumbnail
from tabs._jobs import downloaded, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._values import rows
from web.inputs import file_name

HEADER = ["#", "score", "caption", "id"]
MATCH = "probability that words and picture match"


class Found(NamedTuple):
    """Of a search for pictures."""

    found: Any
    answer: Any
    table: Any
    download: Any
    plot: Any
    chart: Any
    code: Any
    note: Any


class FoundCaptions(NamedTuple):
    """Of a search for captions."""

    answer: Any
    table: Any
    download: Any
    found: Any
    plot: Any
    chart: Any
    code: Any
    note: Any


class Reranked(NamedTuple):
    found: Any
    answer: Any
    table: Any
    download: Any
    plot: Any
    note: Any


def search(
    lab: Lab,
    query: str = "",
    image: PIL.Image.Image | None = None,
    gallery: str = BUNDLED,
    k: float = 12,
    model: str = EMBEDDED,
    mine: Gallery | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008  Gradio finds its progress bar by this default
) -> Iterator[Found]:
    """Find the k pictures of a gallery nearest to words, to a picture, or to the mean of both."""

    def note(words: str) -> Found:
        return only(Found, note=words)

    chosen, wanted = open_gallery(lab, gallery, mine), retrieval.check_k(k)
    yield from downloaded(lab, model, progress, note)
    vector = retrieval.query_vector(lab.models, model, query, image)
    hits = yield from stoppable(
        lambda step, stop: retrieval.search(lab.models, model, chosen, vector, wanted, step, stop),
        "Encoding the gallery",
        progress,
        note,
    )
    file = file_name(image) if image else ""
    yield Found(
        found=_pictures(chosen, hits),
        **_ranking(hits),
        plot=ranking.drawing(hits).figure,
        chart=_map(lab, model, chosen, vector, hits),
        code=retrieval.program(lab.models, model, chosen.name, query, file, len(hits)),
        note=images.note(image) if image else "",
    )


def rerank(
    lab: Lab,
    query: str,
    ranking_json: list[dict[str, Any]] | None,
    gallery: str = BUNDLED,
    model: str = EMBEDDED,
    mine: Gallery | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Reranked]:
    """Order a ranking anew with a model that reads the words and each picture together (BLIP's matching head, or one
    trained by a run)."""

    def note(words: str) -> Reranked:
        return only(Reranked, note=words)

    chosen = open_gallery(lab, gallery, mine)
    yield from downloaded(lab, model, progress, note)
    ids = [str(entry.get("id")) for entry in ranking_json or [] if isinstance(entry, dict)]
    hits = yield from stoppable(
        lambda step, stop: retrieval.rerank(lab.models, model, chosen, query, ids, step, stop),
        "Reading words and pictures together",
        progress,
        note,
    )
    yield Reranked(
        found=_pictures(chosen, hits), **_ranking(hits), plot=ranking.drawing(hits, MATCH, 1).figure, note=""
    )


def describe(
    lab: Lab,
    image: PIL.Image.Image | None,
    gallery: str = BUNDLED,
    k: float = 12,
    model: str = EMBEDDED,
    mine: Gallery | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[FoundCaptions]:
    """Find the k captions of a gallery nearest to a picture."""

    def note(words: str) -> FoundCaptions:
        return only(FoundCaptions, note=words)

    if image is None:
        raise UserError("Choose a picture first: captions are found for a picture.")
    chosen, wanted = open_gallery(lab, gallery, mine), retrieval.check_k(k)
    yield from downloaded(lab, model, progress, note)
    vector = retrieval.query_vector(lab.models, model, "", image)
    hits = yield from stoppable(
        lambda step, stop: retrieval.search_captions(lab.models, model, chosen, vector, wanted, step, stop),
        "Encoding the captions",
        progress,
        note,
    )
    yield FoundCaptions(
        **_ranking(hits),
        found=[],
        plot=ranking.drawing(hits).figure,
        chart=_map(lab, model, chosen, vector, hits),
        code="",
        note=images.note(image),
    )


def _ranking(hits: Sequence[Hit]) -> dict[str, Any]:
    """As JSON, as a table and as CSV."""
    data = [[rank, round(hit.score, 4), hit.caption, hit.id] for rank, hit in enumerate(hits, 1)]
    return {
        "answer": [{"id": hit.id, "score": round(hit.score, 6), "caption": hit.caption} for hit in hits],
        "table": rows(HEADER, data),
        "download": write_file("ranking.csv", csv_text(HEADER, data)),
    }


def _pictures(gallery: Gallery, hits: Sequence[Hit]) -> list[tuple[PIL.Image.Image, str]]:
    paths = {item.id: item.path for item in gallery.items}
    return [(thumbnail(paths[hit.id]), hit.caption or hit.id) for hit in hits if hit.id in paths]


def _map(lab: Lab, model: str, gallery: Gallery, query: Any, hits: Sequence[Hit]) -> Any:
    items = gallery.items
    plane = retrieval.plane(lab.models, model, gallery, items)
    place = {item.id: index for index, item in enumerate(items)}
    found = list(dict.fromkeys(place[hit.id] for hit in hits if hit.id in place))
    return gallery_map.drawing(plane.points, plane.place(query[None]), [item.caption for item in items], found).figure
