# SPDX-License-Identifier: Apache-2.0

"""What a task's answer about one picture is worth, as one number for each of many pictures: what occlusion asks for.

Nothing is kept: pictures with a part hidden would push out of the cache what others come back to. Every function returns a
`Score`, which raises UserError as the task does, and Stopped between batches once `stop` is set.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy.special import softmax

from core.errors import UserError, check_stop
from core.models.abilities import Classifier
from core.models.inference import IMAGE_BATCH, Models
from core.results import AsifCaption
from core.tasks import asif, zero_shot
from core.tasks._sharpening import Sharpening
from core.tasks.occlusion import Score
from core.tasks.segmentation import parse_prompts
from core.tasks.vqa import parse_questions

Stop = threading.Event | None
Matrix = NDArray[np.floating]


def of_label(
    models: Models,
    name: str,
    labels: Sequence[str],
    label: str,
    templates: Sequence[str] = (zero_shot.TEMPLATE,),
    scoring: str = "cosine",
    stop: Stop = None,
) -> Score:
    """Classification: the cosine with one label, or with scoring "softmax" its share among `labels`, which answers why this one
    rather than the others. Of a Classifier the share among its own labels."""
    if issubclass(models.catalog.adapter(name), Classifier):
        labels = models.call(name, "labels")
        place = _place(labels, label)
        return _share(models, name, "classify", lambda logits: logits, place, stop)
    if scoring not in ("cosine", "softmax"):
        raise UserError("Choose the scoring cosine or softmax here.")
    place, vectors = _place(labels, label), zero_shot.label_vectors(models, name, labels, templates, None, stop)
    if scoring == "cosine":
        return of_query(models, name, vectors[place], stop)
    scale = models.detail(name, "scale").scale
    return _share(models, name, "embed_images", lambda rows: scale * rows @ vectors.T, place, stop)


def of_query(models: Models, name: str, query: Matrix, stop: Stop = None) -> Score:
    """Retrieval: the cosine with a query [d], unit norm, as `retrieval.query_vector` makes it."""
    return lambda images: (_rows(models, name, "embed_images", images, stop) @ query).tolist()


def of_caption(models: Models, name: str, caption: str, stop: Stop = None) -> Score:
    """Captions by any model: the cosine of the caption with the picture, by the image-text model `name`."""
    return of_query(models, name, models.embed_texts(name, [caption], None, stop)[0], stop)


def of_asif_caption(
    models: Models,
    name: str,
    found: AsifCaption,
    k: int = asif.DEFAULT_K,
    p: float = asif.DEFAULT_P,
    stop: Stop = None,
) -> Score:
    """Captions by ASIF: the chosen caption's score, 0..1, with the k and p that it was found with and no anchor of a visitor's
    own."""
    sharpen, words = Sharpening(k, p), found.words
    if len(words) != len(asif.anchor_names(models, name)):
        raise UserError("Take your own anchors away first: the pictures are compared with the model's.")
    return lambda images: (sharpen(_rows(models, name, "anchor_images", images, stop)) @ words).tolist()


def of_match(models: Models, name: str, text: str, stop: Stop = None) -> Score:
    """Re-ranking: the probability, 0..1, that the words match the picture."""
    return lambda images: models.match(name, [(image, text) for image in images], None, stop)


def of_answer(models: Models, name: str, question: str, answer: str, stop: Stop = None) -> Score:
    """Questions: the confidence, 0..1, of the answer that was given; 0 where it is no longer among the likeliest five."""
    (question,) = parse_questions(question)

    def confidence(images: list[Image]) -> list[float]:
        found = []
        for image in images:
            check_stop(stop)
            encoding = models.call(name, "encode_image", image)
            found.append(float(models.call(name, "answer", encoding, [question])[0].get(answer, 0.0)))
        return found

    return confidence


def of_prompt(models: Models, name: str, prompt: str, stop: Stop = None) -> Score:
    """Segmentation: the mean probability, 0..1, that a place of the picture belongs to what the prompt names."""
    (prompt,) = parse_prompts(prompt)

    def coverage(images: list[Image]) -> list[float]:
        found = []
        for image in images:
            check_stop(stop)
            encoding = models.call(name, "encode_image", image)
            found.append(float(models.call(name, "segment", encoding, [prompt])["logits"].sigmoid().mean()))
        return found

    return coverage


def _share(models: Models, name: str, method: str, logits: Callable[[Matrix], Matrix], place: int, stop: Stop) -> Score:
    """The softmax of one of the logits [n, labels] that are made of the model's rows."""

    def share(images: list[Image]) -> list[float]:
        found: list[float] = softmax(logits(_rows(models, name, method, images, stop)), axis=1)[:, place].tolist()
        return found

    return share


def _rows(models: Models, name: str, method: str, images: list[Image], stop: Stop) -> Matrix:
    """[n, d], a batch at a time, none of it from the cache or into it."""
    parts = models.map(name, method, images, IMAGE_BATCH, None, stop)
    return np.concatenate([np.asarray(part) for part in parts])


def _place(labels: Sequence[str], label: str) -> int:
    if label not in labels:
        raise UserError(f"“{label[:60]}” is none of the labels. Choose one of them.")
    return list(labels).index(label)
