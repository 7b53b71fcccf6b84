# SPDX-License-Identifier: Apache-2.0

"""What the first screen does: it answers by the built-in model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import PIL.Image

from core.explain import anchors
from core.models.family import EMBEDDED
from core.results import contributions
from core.tasks import zero_shot
from tabs._lab import Lab
from tabs._outputs import only
from tabs._shown import bars, drawings, trust
from tabs._texts import texts
from tabs._trust import line
from tabs._values import needed

SAID = texts("start")
NAMED = 3  # anchors in the sentence


class Outputs(NamedTuple):
    error: Any
    shown: Any
    why: Any
    link: Any


def answer(lab: Lab, image: PIL.Image.Image | None, labels: str) -> Iterator[Outputs]:
    """Which label describes the picture, the anchors whose sum decided, and a sentence about them."""
    image, names = needed(image), zero_shot.parse_labels(labels)
    result = zero_shot.classify(lab.models, EMBEDDED, [image], names)
    ranked = sorted(zip(result.labels, result.scores[0], strict=True), key=lambda row: -row[1])
    best = ranked[0][0]
    none = SAID.none_of_these if any(result.none_of_these) else ""
    picture = lab.models.embed_images(EMBEDDED, [image])[0]
    label = zero_shot.label_vectors(lab.models, EMBEDDED, [best])[0]
    anchor_names = lab.models.detail(EMBEDDED, "anchor_names")
    shared = [anchor.name for anchor in contributions(picture, label, anchor_names, NAMED)]
    said = SAID("finding", label=best, anchors=", ".join(shared)) if shared else SAID("no_anchors", label=best)
    yield only(
        Outputs,
        shown=bars(ranked[:6], result.calibrated, none)
        + trust(said)
        + line(lab, EMBEDDED, "presence.none_caught shipped" if none else "choice.top1"),
        why=drawings(anchors.drawing(picture, label, anchor_names, best)),
    )
