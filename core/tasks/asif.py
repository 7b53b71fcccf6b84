# SPDX-License-Identifier: Apache-2.0

"""Captions by ASIF (Norelli et al., arXiv 2210.01738): of a bank of captions, those that resemble the same anchors as the
picture; nothing is trained, and every score is a short sum over named anchors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core.data.bank import ANCHORS, Bank
from core.data.galleries import Gallery
from core.engine import OnStep
from core.errors import UserError
from core.models.abilities import AnchoredEncoder
from core.models.family import EMBEDDED
from core.models.inference import TEXT_BATCH, Models
from core.results import AsifCaption, Candidate
from core.tasks import TASKS, Task
from core.tasks._consensus import agreement
from core.tasks._program import headed, image_line
from core.tasks._sharpening import Sharpening
from core.tasks._sources import required
from core.text import clean_text

TASK = TASKS.register("asif", Task("asif", "a caption chosen from a bank, by anchors", AnchoredEncoder))

DEFAULT_K, DEFAULT_P = ANCHORS, 2.0
# Captions that agree on one: MAX_AGREEING of a large bank, one in a hundred of a smaller, MIN_AGREEING at least; each with
# the weight score ** SCORE_POWER.
MAX_AGREEING, MIN_AGREEING, SCORE_POWER = 300, 10, 4
LISTED = 10
MAX_ADDED = 20
ANCHOR_SIDES = (384, 1536)  # pixels, the shorter and the longer side: all that the embedded towers read of an image
DUPLICATE = 0.96  # cosine from which two pictures are taken for one
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Edits:
    """What a visitor changed about the anchors: names taken away, and pictures with captions added."""

    removed: tuple[str, ...] = ()
    added: tuple[tuple[Image, str], ...] = ()


def anchor(image: Image | None, words: str) -> tuple[Image, str]:
    """An anchor of a visitor's own for `Edits`: the picture scaled down to what the model reads, and what it stands for.
    Raises UserError where one of them is missing."""
    words = clean_text((words or "").strip())
    if image is None or not words:
        raise UserError("Give the anchor a picture, and words for what it stands for.")
    shorter, longer = ANCHOR_SIDES
    scale = min(1, shorter / min(image.size), longer / max(image.size))
    small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    return small, words


def caption(
    models: Models,
    image: Image | None,
    bank: Bank,
    k: int = DEFAULT_K,
    p: float = DEFAULT_P,
    edits: Edits = Edits(),
    without: str = "",
    name: str = EMBEDDED,
    stop: threading.Event | None = None,
) -> AsifCaption:
    """The bank's best caption and the one that the best agree on, with the anchors behind it. `without` is a caption that
    may not be chosen: the picture's own, where it is in the bank. Raises UserError for impossible settings and where no
    caption shares an anchor with the picture, and Stopped between blocks of captions once `stop` is set."""
    near = nearest(models, image, bank, k, p, edits, without, name, stop)
    agreed = agreement(near.captions, near.scores**SCORE_POWER, bank.document_frequencies, bank.log_size)
    order = np.argsort(-agreed, kind="stable")
    found = [Candidate(near.captions[i], float(near.scores[i]), float(agreed[i])) for i in order[:LISTED]]
    own = [text for _, text in edits.added]
    (words,) = near.sharpen(models.call(name, "anchor_texts", [found[0].caption], own).numpy())
    return AsifCaption(found[0].caption, near.captions[0], found, near.names, near.picture, words)


@dataclass(frozen=True)
class Near:
    """The captions of a bank that come nearest to a picture, best first, with their scores in 0..1; `picture` is its relative
    representation over the anchors `names`."""

    captions: list[str]
    scores: Array
    picture: Array
    names: list[str]
    sharpen: Sharpening


def nearest(
    models: Models,
    image: Image | None,
    bank: Bank,
    k: int = DEFAULT_K,
    p: float = DEFAULT_P,
    edits: Edits = Edits(),
    without: str = "",
    name: str = EMBEDDED,
    stop: threading.Event | None = None,
) -> Near:
    """The bank's best captions, of which `caption` takes the one that they agree on. Arguments and errors as there."""
    image = required(image)
    if not (1 <= k <= ANCHORS and 0 < p <= 8):
        raise UserError(f"Choose k between 1 and {ANCHORS}, and p between 0 and 8.")
    if len(edits.added) > MAX_ADDED:
        raise UserError(f"At most {MAX_ADDED} anchors can be added.")
    own = [clean_text(text) for _, text in edits.added]
    names = [*anchor_names(models, name), *own]
    sharpen = Sharpening(k, p, _places(names, edits.removed))
    (picture,) = sharpen(_anchored(models, name, image, [added for added, _ in edits.added]))
    scores = sharpen.bank_scores(bank, picture, stop)
    allowed = np.array([caption != without or not without for caption in bank.captions])
    best = np.flatnonzero(allowed)[np.argsort(-scores[allowed], kind="stable")]
    best = best[: max(MIN_AGREEING, min(MAX_AGREEING, len(bank) // 100))]
    if own and len(best):  # what the bank keeps knows nothing of new anchors: these captions are read again
        scores[best] = sharpen(_read(models, name, [bank.captions[i] for i in best], own, stop)) @ picture
        best = best[np.argsort(-scores[best], kind="stable")]
    best = best[scores[best] > 0]
    if not len(best):
        raise UserError("No caption of the bank shares an anchor with this picture. Raise k, or use a larger bank.")
    return Near([bank.captions[i] for i in best], scores[best], picture, names, sharpen)


def label_scores(
    models: Models, image: Image, labels: Sequence[str], k: int = DEFAULT_K, p: float = DEFAULT_P, name: str = EMBEDDED
) -> list[float]:
    """The published zero-shot use: the same numbers, 0..1, with labels in the place of captions."""
    sharpen = Sharpening(k, p)
    picture = sharpen(_anchored(models, name, image))
    texts = sharpen(_read(models, name, [clean_text(label) for label in labels]))
    return [float(score) for score in (texts @ picture.T)[:, 0]]


def own_caption(
    models: Models,
    gallery: Gallery,
    image: Image | None,
    name: str = EMBEDDED,
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> str:
    """The caption of this very picture in the gallery, or ""; scaling and compressing it again do not hide it. The
    gallery's pictures are embedded where that was not done yet, with `on_step` and `stop` as in Gallery.vectors."""
    if image is None or not len(gallery):
        return ""
    items = gallery.items
    alike = gallery.vectors(models, name, on_step, stop, items) @ models.embed_images(name, [image])[0]
    return items[int(alike.argmax())].caption if alike.max() > DUPLICATE else ""


def program(file: str, k: int = DEFAULT_K, p: float = DEFAULT_P) -> str:
    """The shortest program that gives the same caption from the bank that ships, as text, ready to run as its heading
    says."""
    return headed(PROGRAM.format(image=image_line(file), k=k, p=p, best=MAX_AGREEING, sharper=SCORE_POWER), [file])


PROGRAM = """\
import torch
from PIL import Image, ImageOps

from core.assets import EMBEDDED_FOLDER
from core.data import bank
from core.models.embedded.pair import EmbeddedPair  # EfficientNet-Lite0 and MiniLM, with 1000 anchors
from core.tasks._consensus import agreement

k, p = {k}, {p}
{image}
captions = bank.shipped()
pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    nearest = pair.anchor_images([image])[0].clamp_min(0).topk(k)  # the anchors that the picture resembles most
picture = torch.zeros(1000).scatter(0, nearest.indices, nearest.values**p)
texts = torch.from_numpy(captions.similarities[:, :k]).float() ** p  # and those that each caption resembles most
shared = (texts * picture[torch.from_numpy(captions.indices[:, :k].astype(int))]).sum(1)
best = (shared / texts.norm(dim=1) / picture.norm()).topk({best})
listed = [captions.captions[i] for i in best.indices]
agreed = agreement(listed, best.values.numpy() ** {sharper}, captions.document_frequencies, captions.log_size)
print(listed[agreed.argmax()])
"""


def _read(
    models: Models, name: str, texts: Sequence[str], added: Sequence[str] = (), stop: threading.Event | None = None
) -> Array:
    """[n, anchors + added]: the texts' cosines with the anchors' texts, a batch at a time."""
    parts = models.map(name, "anchor_texts", texts, TEXT_BATCH, None, stop, after=(added,))
    return np.concatenate([part.numpy() for part in parts])


def _anchored(models: Models, name: str, image: Image, added: Sequence[Image] = ()) -> Array:
    """[1, anchors + added]: the picture's cosines."""
    if added:
        found: Array = models.call(name, "anchor_images", [image], added).numpy()
        return found
    return models.anchor_images(name, [image])


def anchor_names(models: Models, name: str = EMBEDDED) -> list[str]:
    """One for each coordinate of the model's vectors. Raises UserError for a model without anchors."""
    if not issubclass(models.catalog.adapter(name), AnchoredEncoder):
        raise UserError(f"{name} has no anchors. Choose the built-in model.")
    names: list[str] = models.detail(name, "anchor_names")
    return names


def _places(names: list[str], removed: Sequence[str]) -> NDArray[np.intp]:
    unknown = [name for name in removed if name not in names]
    if unknown:
        raise UserError(f"There is no anchor called “{str(unknown[0])[:60]}”.")
    return np.array([place for place, name in enumerate(names) if name in set(removed)], dtype=np.intp)
