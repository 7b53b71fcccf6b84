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
from core.explain.drawing import Drawing
from core.models.family import EMBEDDED
from core.results import Hit
from core.tasks import retrieval
from tabs._downloads import write_file
from tabs._galleries import open_gallery, thumbnail
from tabs._jobs import downloaded, stoppable
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import drawings, listed, sentence
from tabs._texts import texts
from tabs._trust import line
from web.inputs import file_name

SAID = texts("search")
HEADER = ["#", "score", "caption", "id"]
PUBLIC = ("found", "answer", "note", "table", "download", "code")  # what programs get


class Found(NamedTuple):
    shown: Any
    note: Any
    answer: Any  # for programs: id, score and caption of each, best first
    found: Any
    table: Any
    numbers: Any
    download: Any
    why: Any
    code: Any
    program: Any
    details: Any
    link: Any
    error: Any


def _noted(note: str) -> Found:
    return only(Found, note=note)


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

    chosen, wanted = open_gallery(lab, gallery, mine), retrieval.check_k(k)
    yield from downloaded(lab, model, progress, _noted)
    vector = retrieval.query_vector(lab.models, model, query, image)
    hits = yield from stoppable(
        lambda step, stop: retrieval.search(lab.models, model, chosen, vector, wanted, step, stop),
        SAID.encoding_gallery,
        progress,
        _noted,
    )
    file = file_name(image) if image else ""
    yield only(
        Found,
        shown=(sentence(hits[0].caption or hits[0].id) if hits else "") + line(lab, model, "t2i.R@5"),
        found=_pictures(chosen, hits),
        **_ranking(hits),
        why=drawings(ranking.drawing(hits), _map(lab, model, chosen, vector, hits)),
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
) -> Iterator[Found]:
    """Order a ranking anew with a model that reads the words and each picture together (BLIP's matching head, or one
    trained by a run)."""

    chosen = open_gallery(lab, gallery, mine)
    yield from downloaded(lab, model, progress, _noted)
    ids = [str(entry.get("id")) for entry in ranking_json or [] if isinstance(entry, dict)]
    hits = yield from stoppable(
        lambda step, stop: retrieval.rerank(lab.models, model, chosen, query, ids, step, stop),
        SAID.reading,
        progress,
        _noted,
    )
    yield only(
        Found,
        shown=sentence(hits[0].caption or hits[0].id) if hits else "",
        found=_pictures(chosen, hits),
        **_ranking(hits),
        why=drawings(ranking.drawing(hits, SAID.match, 1)),
        note="",
    )


def describe(
    lab: Lab,
    image: PIL.Image.Image | None,
    gallery: str = BUNDLED,
    k: float = 12,
    model: str = EMBEDDED,
    mine: Gallery | None = None,
    progress: gr.Progress = gr.Progress(),  # noqa: B008
) -> Iterator[Found]:
    """Find the k captions of a gallery nearest to a picture."""

    if image is None:
        raise UserError(SAID.no_picture)
    chosen, wanted = open_gallery(lab, gallery, mine), retrieval.check_k(k)
    yield from downloaded(lab, model, progress, _noted)
    vector = retrieval.query_vector(lab.models, model, "", image)
    hits = yield from stoppable(
        lambda step, stop: retrieval.search_captions(lab.models, model, chosen, vector, wanted, step, stop),
        SAID.encoding_captions,
        progress,
        _noted,
    )
    yield only(
        Found,
        shown=(sentence(hits[0].caption) if hits else "") + line(lab, model, "i2t.R@5"),
        found=[],
        **_ranking(hits),
        why=drawings(ranking.drawing(hits), _map(lab, model, chosen, vector, hits)),
        code="",
        note=images.note(image),
    )


def scores(answer: Any) -> dict[str, float]:
    """Of each picture that was found, by its caption."""
    return {hit["caption"] or hit["id"]: hit["score"] for hit in answer}


def _ranking(hits: Sequence[Hit]) -> dict[str, Any]:
    """As JSON, as a table and as CSV."""
    data = [[rank, round(hit.score, 4), hit.caption, hit.id] for rank, hit in enumerate(hits, 1)]
    return {
        "answer": [{"id": hit.id, "score": round(hit.score, 6), "caption": hit.caption} for hit in hits],
        **listed(HEADER, data),
        "download": write_file("ranking.csv", csv_text(HEADER, data)),
        "details": gr.Column(visible=True),
    }


def _pictures(gallery: Gallery, hits: Sequence[Hit]) -> list[tuple[PIL.Image.Image, str]]:
    paths = {item.id: item.path for item in gallery.items}
    return [(thumbnail(paths[hit.id]), hit.caption or hit.id) for hit in hits if hit.id in paths]


def _map(lab: Lab, model: str, gallery: Gallery, query: Any, hits: Sequence[Hit]) -> Drawing | None:
    items = gallery.items
    plane = retrieval.plane(lab.models, model, gallery, items)
    place = {item.id: index for index, item in enumerate(items)}
    found = list(dict.fromkeys(place[hit.id] for hit in hits if hit.id in place))
    return gallery_map.drawing(plane.points, plane.place(query[None]), [item.caption for item in items], found)
