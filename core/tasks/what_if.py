# SPDX-License-Identifier: Apache-2.0

"""What if a part of the picture, a word or an anchor were not there? The task is asked again without it, so this works for
every model; each function gives the scores before and after. All raise UserError as their tasks do, where nothing is hidden
and where what is to be hidden is not there, and Stopped once `stop` is set."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from scipy.special import expit, softmax

from core.data import bank
from core.data.galleries import Gallery
from core.errors import UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import Change
from core.tasks import asif, captioning, retrieval, segmentation, vqa, zero_shot
from core.tasks._ranking import top_k
from core.tasks._sources import required
from core.tasks.hiding import DEFAULT_FILL, WORD, Box, hide, without_word

Stop = threading.Event | None
Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Without:
    """What is hidden: of the picture the `boxes` and what the `mask` marks, as `hiding.hide` takes them; a `word` of what is
    asked; `anchors` by name, of a model that has them."""

    boxes: tuple[Box, ...] = ()
    mask: NDArray[np.generic] | None = None
    fill: str = DEFAULT_FILL
    word: str = ""
    anchors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (len(self.boxes) or self.mask is not None or self.word or self.anchors):
            raise UserError("Hide something first: a part of the picture, a word or an anchor.")

    def picture(self, image: Image | None) -> Image:
        image = required(image)
        return hide(image, self.boxes, self.mask, self.fill) if len(self.boxes) or self.mask is not None else image

    def text(self, text: str) -> str:
        return without_word(text, self.word) if self.word else text

    def texts(self, texts: Sequence[str]) -> dict[str, str]:
        """What each text that is still asked becomes; one that was nothing but the word is asked no more."""
        if not self.word:
            return {text: text for text in texts}
        holding = [text for text in texts if self.word.strip().lower() in map(str.lower, WORD.findall(text))]
        if not holding:
            return {text: self.text(text) for text in texts}  # which says that it is not there
        alone = [text for text in holding if len(set(map(str.lower, WORD.findall(text)))) == 1]
        if len(alone) == len(texts):
            return {text: self.text(text) for text in texts}  # which says that nothing is left
        return {text: self.text(text) if text in holding else text for text in texts if text not in alone}

    def only(self, *parts: str) -> None:
        """Raises UserError where something is hidden that this question has not."""
        for part, hidden in (("word", self.word), ("anchors", self.anchors)):
            if hidden and part not in parts:
                raise UserError(f"There is no {part.rstrip('s')} to hide here. Hide something else.")


def classification(
    models: Models,
    name: str,
    image: Image | None,
    labels: Sequence[str],
    without: Without,
    templates: Sequence[str] = (zero_shot.TEMPLATE,),
    scoring: str = "softmax",
    stop: Stop = None,
) -> Change:
    """The score of each label. A word is hidden in every label that has it."""

    def ask(picture: Image, texts: Sequence[str]) -> dict[str, float]:
        found = zero_shot.classify(models, name, [picture], texts, templates, scoring, None, stop)
        return dict(zip(found.labels, found.scores[0], strict=True))

    labels = zero_shot.parse_labels("\n".join(labels))
    before, becomes, picture = ask(required(image), labels), without.texts(labels), without.picture(image)
    if not without.anchors:
        after = ask(picture, list(becomes.values()))
        # A Classifier reads no labels, so there are none to follow.
        return Change(before, after if set(before) != set(labels) else _followed(becomes, after))
    vectors = zero_shot.label_vectors(models, name, list(becomes.values()), templates, None, stop)
    cosines = _cosines(models, name, models.embed_images(name, [picture], None, stop), vectors, without.anchors)[0]
    scale = models.detail(name, "scale")
    slope, bias = scale.presence or (scale.scale, scale.bias)
    scores = {
        "cosine": lambda: cosines,
        "softmax": lambda: softmax(scale.scale * cosines + scale.bias),
        "independent": lambda: expit(slope * cosines + bias),
    }[scoring]()
    return Change(before, dict(zip(becomes, scores.tolist(), strict=True)))


def question(
    models: Models, name: str, image: Image | None, question: str, without: Without, stop: Stop = None
) -> Change:
    """The confidence of each answer; one that is among the likeliest only once counts 0 the other time."""
    without.only("word")
    (before,) = vqa.answer(models, name, image, [question], stop)
    (after,) = vqa.answer(models, name, without.picture(image), [without.text(question)], stop)
    return Change(dict(before.confidences), dict(after.confidences))


def masks(
    models: Models,
    name: str,
    image: Image | None,
    prompts: Sequence[str],
    without: Without,
    threshold: float = segmentation.DEFAULT_THRESHOLD,
    stop: Stop = None,
) -> Change:
    """The share of the picture, 0..1, that is cut out for each prompt. A word is hidden in every prompt that has it."""
    without.only("word")

    def ask(picture: Image, texts: Sequence[str]) -> dict[str, float]:
        found = segmentation.segment(models, name, picture, texts, stop)
        return {mask.label: mask.coverage for mask in segmentation.masks(found, threshold, stop=stop)}

    prompts = segmentation.parse_prompts("\n".join(prompts))
    before, becomes = ask(required(image), prompts), without.texts(prompts)
    return Change(before, _followed(becomes, ask(without.picture(image), list(becomes.values()))))


def ranking(
    models: Models,
    name: str,
    gallery: Gallery,
    text: str,
    image: Image | None,
    without: Without,
    k: int = 10,
    stop: Stop = None,
) -> Change:
    """The cosine with the query of all pictures, by id, that are among the first k before or after."""
    text = (text or "").strip()
    items, k = gallery.items, retrieval.check_k(k)
    vectors = gallery.vectors(models, name, None, stop, items)
    picture = without.picture(image) if image is not None or without.boxes or without.mask is not None else None
    before = vectors @ retrieval.query_vector(models, name, text, image)
    query = retrieval.query_vector(models, name, without.text(text), picture)
    after = _cosines(models, name, query[None], vectors, without.anchors)[0]
    listed = dict.fromkeys(
        i for scores in (before, after) for i in top_k(scores[:, None], np.ones(1, np.float32), k)[0]
    )
    return Change(*({items[i].id: float(scores[i]) for i in listed} for scores in (before, after)))


def caption(
    models: Models, method: str, image: Image | None, without: Without, name: str = EMBEDDED, stop: Stop = None
) -> Change:
    """The captions that one of `captioning.methods` gives, with the numbers that decided between them. Anchors are hidden
    from ASIF only."""
    without.only(*(["anchors"] if method == "ASIF" else []))
    picture = without.picture(image)

    def ask(picture: Image) -> dict[str, float]:
        return captioning.compare(models, [picture], [method], None, stop)[0].captions

    before = ask(required(image))
    if not without.anchors:
        return Change(before, ask(picture))
    edits = asif.Edits(without.anchors)
    best = asif.caption(models, picture, bank.shipped(), edits=edits, name=name, stop=stop).best
    return Change(before, {one.caption: one.agreement for one in best[: captioning.ALTERNATIVES]})


def similarity(
    models: Models, name: str, image: Image | None, text: str, without: Without, stop: Stop = None
) -> Change:
    """The cosine of a text, such as a caption, with the picture."""

    def ask(picture: Image, words: str, anchors: Sequence[str] = ()) -> dict[str, float]:
        vectors = models.embed_images(name, [picture], None, stop), models.embed_texts(name, [words], None, stop)
        return {text: float(_cosines(models, name, *vectors, anchors)[0, 0])}

    before = ask(required(image), text)
    return Change(before, ask(without.picture(image), without.text(text), without.anchors))


def without_anchors(models: Models, name: str, vectors: Vectors, anchors: Sequence[str]) -> Vectors:
    """Relative representations [n, anchors] with the named ones left out, unit norm again. Raises UserError for a model
    without anchors and for a name that is none."""
    names = asif.anchor_names(models, name)
    unknown = [anchor for anchor in anchors if anchor not in names]
    if unknown:
        raise UserError(f"There is no anchor called “{str(unknown[0])[:60]}”.")
    left = vectors * ~np.isin(names, anchors)
    return np.asarray(left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-12))


def _cosines(models: Models, name: str, first: Vectors, second: Vectors, anchors: Sequence[str]) -> Vectors:
    """[n, m], without the anchors where some are named."""
    if anchors:
        first, second = (without_anchors(models, name, vectors, anchors) for vectors in (first, second))
    return np.asarray(first @ second.T)


def _followed(becomes: dict[str, str], after: dict[str, float]) -> dict[str, float]:
    """Scores under the names that the texts had before."""
    return {text: after[now] for text, now in becomes.items()}
