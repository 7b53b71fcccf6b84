# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification: which of these labels describes the picture (CLIP, section 3.1)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy.special import expit, softmax

from core.engine import OnStep
from core.errors import UserError
from core.images import Source
from core.models.abilities import Classifier, DualEncoder, Scale
from core.models.inference import Models
from core.results import Classification
from core.tasks import TASKS, Task
from core.tasks._lists import TypedList, clean
from core.tasks._noun_phrases import costs, multiplied, phrases_of, summed
from core.tasks._presence import of_labels
from core.tasks._sources import embed, in_batches
from core.tasks._zero_shot_program import NEUTRAL as NEUTRAL
from core.tasks._zero_shot_program import program as program
from core.text import clean_text

TASK = TASKS.register(
    "zero_shot", Task("zero_shot", "which of these labels describes the picture", (DualEncoder, Classifier))
)

SCORINGS = {
    "softmax": "softmax: the labels compete and add up to 1",
    "independent": "each label apart: the probability that it is in the picture",
    "cosine": "raw cosine similarity",
}
TEMPLATE = "a photo of a {}"
Matrix = NDArray[np.floating]
MAX_LABELS, MAX_TEMPLATES, MAX_LABEL_LENGTH = 1_000, 20, 200
LABELS = TypedList(
    MAX_LABELS,
    MAX_LABEL_LENGTH,
    none="Type at least one label, one a line or separated by commas: for example “cat, dog”.",
    many=f"That is {{count}} labels; at most {MAX_LABELS:,} are compared at once. Remove some.",
    long=f"A label has more than {MAX_LABEL_LENGTH} characters. Put labels on lines of their own.",
)
MAX_TEXTS = 2_000  # labels x templates; the embedded model reads about 200 a second on two cores


def parse_labels(text: str) -> list[str]:
    """Labels one a line or separated by commas, as `TypedList.parse`."""
    return LABELS.parse(text)


def parse_templates(text: str) -> list[str]:
    """Prompt templates one a line, each with {} where the label goes; none means the label alone."""
    templates = [line.strip() for line in clean(text, MAX_TEMPLATES * MAX_LABEL_LENGTH).splitlines()]
    templates = list(dict.fromkeys(line for line in templates if line)) or ["{}"]
    if len(templates) > MAX_TEMPLATES:
        raise UserError(f"That is {len(templates)} templates; at most {MAX_TEMPLATES} are averaged.")
    if bad := next((line for line in templates if not _has_one_place(line)), None):
        raise UserError(
            f"The template “{bad[:60]}” needs {{}} once, where the label goes, and no other brace: for example “{TEMPLATE}”."
        )
    return templates


def _has_one_place(template: str) -> bool:
    before, place, after = template.partition("{}")
    return bool(place) and not set("{}") & set(before + after)


def classify(
    models: Models,
    name: str,
    images: Sequence[Source],
    labels: Sequence[str],
    templates: Sequence[str] = (TEMPLATE,),
    scoring: str = "softmax",
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Classification:
    """Score every image against every label.

    `images` are files or PIL images, read a few at a time. A label's vector is the mean of its vectors over the templates,
    as in CLIP. A Classifier has labels of its own, over which its scores are a softmax: labels, templates and scoring are
    not read. Raises UserError when there is nothing to score, an image cannot be read or `scoring` is unknown; Stopped
    between batches once `stop` is set.
    """
    if not images:
        raise UserError("Choose a picture first.")
    if scoring not in SCORINGS:
        raise UserError(f"There is no scoring called {str(scoring)[:40]!r}. Choose one of: {', '.join(SCORINGS)}.")
    if issubclass(models.catalog.adapter(name), Classifier):
        return _by_own_labels(models, name, images, on_step, stop)
    labels = parse_labels("\n".join(labels))
    pictures, notes = embed(models, name, images, on_step, stop)
    scale: Scale = models.detail(name, "scale")
    phrases = phrases_of(labels, scale)
    each = pictures @ phrase_vectors(models, name, list(chain(*phrases)), templates, on_step, stop).T
    lowered = costs(phrases, scale)
    cosines = summed(each, phrases) - lowered
    logits = scale.scale * cosines + scale.bias
    if scoring == "softmax":
        scores = softmax(logits, axis=1)
    elif scoring == "cosine":
        scores = cosines
    elif scale.presence is not None or scale.sigmoid:
        slope, bias = scale.presence or (scale.scale, scale.bias)
        scores = multiplied(expit(slope * each + bias), phrases)
    else:
        neutral = pictures @ models.embed_texts(name, [NEUTRAL]).T
        scores = expit(scale.scale * (cosines - neutral))
    presence, none_of_these = of_labels(models, name, pictures, labels)
    return Classification(
        labels,
        cosines.tolist(),
        logits.tolist(),
        scores.tolist(),
        scoring,
        calibrated=scoring != "cosine" and scale.presence is not None,  # who measured one, measured both
        sigmoid=scale.sigmoid,
        notes=notes,
        none_of_these=none_of_these,
        presence=presence,
        costs=lowered,
    )


def _by_own_labels(
    models: Models, name: str, images: Sequence[Source], on_step: OnStep | None, stop: threading.Event | None
) -> Classification:
    def classified(batch: list[Image]) -> Matrix:
        return np.concatenate([part.numpy() for part in models.map(name, "classify", batch, len(batch), None, stop)])

    logits, notes = in_batches(classified, images, on_step, stop)
    scores = softmax(logits, axis=1).tolist()
    labels = models.call(name, "labels")
    return Classification(
        labels,
        logits.tolist(),
        logits.tolist(),
        scores,
        "softmax",
        calibrated=False,
        own_labels=True,
        notes=notes,
        none_of_these=[None] * len(logits),
    )


def label_vectors(
    models: Models,
    name: str,
    labels: Sequence[str],
    templates: Sequence[str] = (TEMPLATE,),
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Matrix:
    """[labels, d]: of a label of one noun phrase `phrase_vectors`; of several, by a model with `Scale.further`, their sum, whose
    product with a picture is the similarity but for the label's cost. Raises UserError as there."""
    phrases = phrases_of(labels, models.detail(name, "scale"))
    vectors = phrase_vectors(models, name, list(chain(*phrases)), templates, on_step, stop)
    return summed(vectors.T, phrases).T


def phrase_vectors(
    models: Models,
    name: str,
    labels: Sequence[str],
    templates: Sequence[str] = (TEMPLATE,),
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> Matrix:
    """[labels, d], unit norm: the mean over the templates. Raises UserError for more than MAX_TEXTS sentences."""
    texts = [template.replace("{}", clean_text(label)) for label in labels for template in templates]
    if len(texts) > MAX_TEXTS:
        raise UserError(
            f"{len(labels)} labels in {len(templates)} templates are {len(texts):,} sentences; at most {MAX_TEXTS:,} are read at once. Use fewer templates."
        )
    vectors = models.embed_texts(name, texts, on_step, stop).reshape(len(labels), len(templates), -1).mean(1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12))
