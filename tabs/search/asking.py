# SPDX-License-Identifier: Apache-2.0

"""How a search is made again with something hidden, and what of the picture that was found first made it so."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import PIL.Image

from core import images
from core.results import Change
from core.tasks import picture_scores, retrieval, what_if
from tabs._galleries import open_gallery
from tabs._lab import Lab
from tabs._texts import texts
from tabs._what_if import Asked, Question

SAID = texts("search")
SHOWN = 10  # pictures whose score is shown before and after


def question(inputs: Sequence[Any]) -> Question:
    """`inputs` are the query, the gallery, the model and a visitor's own gallery."""
    return Question(inputs, change, first_hit, anchors=True)


def change(
    lab: Lab, image: PIL.Image.Image | None, without: what_if.Without, inputs: Sequence[Any], stop: threading.Event
) -> Change:
    query, gallery, model, mine = inputs
    chosen = open_gallery(lab, gallery, mine)
    found = what_if.ranking(lab.models, model, chosen, query, image, without, SHOWN, stop)
    called = {item.id: item.caption or item.id for item in chosen.items}
    return Change(*({called.get(id, id): score for id, score in one.items()} for one in (found.before, found.after)))


def first_hit(lab: Lab, image: PIL.Image.Image | None, inputs: Sequence[Any], stop: threading.Event) -> Asked:
    """The cosine of the picture that is found first with the query."""
    query, gallery, model, mine = inputs
    chosen = open_gallery(lab, gallery, mine)
    vector = retrieval.query_vector(lab.models, model, query, image)
    (hit,) = retrieval.search(lab.models, model, chosen, vector, 1, None, stop)
    path = next(item.path for item in chosen.items if item.id == hit.id)
    score = picture_scores.of_query(lab.models, model, vector, stop)
    return Asked(score, images.read(path).image, SAID("score_of", caption=hit.caption or hit.id))
