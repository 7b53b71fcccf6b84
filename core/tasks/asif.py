"""Captions by ASIF (Norelli et al., arXiv 2210.01738): of a bank of captions, those that resemble the same anchors as the
picture; nothing is trained, and every score is a short sum over named anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core.data.bank import KEPT, Bank
from core.data.galleries import Gallery
from core.errors import UserError
from core.models.abilities import AnchoredEncoder
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import AsifCaption, Candidate
from core.tasks import TASKS, Task
from core.tasks._consensus import agreement
from core.text import clean_text

TASK = TASKS.register("asif", Task("asif", "a caption chosen from a bank, by anchors", AnchoredEncoder))

K, P = KEPT, 2.0
# Captions that agree on one: BEST of a large bank, one in a hundred of a smaller, FEWEST at least; each with the weight
# score ** SHARPER.
BEST, FEWEST, SHARPER = 300, 10, 4
SHOWN = 10
MAX_ADDED = 20
SAME = 0.96  # cosine from which two pictures are taken for one
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Edits:
    """What a visitor changed about the anchors: names taken away, and pictures with captions added."""

    removed: tuple[str, ...] = ()
    added: tuple[tuple[Image, str], ...] = ()


def caption(
    models: Models,
    image: Image | None,
    bank: Bank,
    k: int = K,
    p: float = P,
    edits: Edits = Edits(),
    without: str = "",
    name: str = EMBEDDED,
) -> AsifCaption:
    """The bank's best caption and the one that the best agree on, with the anchors behind it. `without` is a caption that
    may not be chosen: the picture's own, where it is in the bank."""
    near = nearest(models, image, bank, k, p, edits, without, name)
    agreed = agreement(near.captions, near.scores**SHARPER, bank.gram_counts, bank.log_size)
    order = np.argsort(-agreed, kind="stable")
    found = [Candidate(near.captions[i], float(near.scores[i]), float(agreed[i])) for i in order[:SHOWN]]
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
    k: int = K,
    p: float = P,
    edits: Edits = Edits(),
    without: str = "",
    name: str = EMBEDDED,
) -> Near:
    """The bank's best captions, of which `caption` takes the one that they agree on."""
    if image is None:
        raise UserError("Choose a picture first: upload one, take one, or click an example.")
    if not (1 <= k <= KEPT and 0 < p <= 8):
        raise UserError(f"Choose k between 1 and {KEPT}, and p between 0 and 8.")
    if len(edits.added) > MAX_ADDED:
        raise UserError(f"At most {MAX_ADDED} anchors can be added.")
    own = [clean_text(text) for _, text in edits.added]
    names = [*anchor_names(models, name), *own]
    sharpen = Sharpening(k, p, _places(names, edits.removed))
    (seen,) = sharpen(_anchored(models, name, image, [picture for picture, _ in edits.added]))
    scores = sharpen.bank_scores(bank, seen)
    if without:
        scores[[caption == without for caption in bank.captions]] = -1
    best = np.argsort(-scores, kind="stable")[: max(FEWEST, min(BEST, len(bank) // 100))]
    if own:  # what the bank keeps knows nothing of new anchors: these captions are read again
        scores[best] = sharpen(models.call(name, "anchor_texts", [bank.captions[i] for i in best], own).numpy()) @ seen
        best = best[np.argsort(-scores[best], kind="stable")]
    best = best[scores[best] > 0]
    if not len(best):
        raise UserError("No caption of the bank shares an anchor with this picture. Raise k, or use a larger bank.")
    return Near([bank.captions[i] for i in best], scores[best], seen, names, sharpen)


def label_scores(
    models: Models, image: Image, labels: Sequence[str], k: int = K, p: float = P, name: str = EMBEDDED
) -> list[float]:
    """The published zero-shot use: the same numbers with labels in the place of captions."""
    sharpen = Sharpening(k, p)
    seen = sharpen(_anchored(models, name, image))
    read = sharpen(models.call(name, "anchor_texts", [clean_text(label) for label in labels]).numpy())
    return [float(score) for score in (read @ seen.T)[:, 0]]


def own_caption(models: Models, gallery: Gallery, image: Image | None, name: str = EMBEDDED) -> str:
    """The caption of this very picture in the gallery, or ""; scaling and compressing it again do not hide it."""
    if image is None or not len(gallery):
        return ""
    items = gallery.items
    alike = gallery.vectors(models, name, items=items) @ models.embed_images(name, [image])[0]
    return items[int(alike.argmax())].caption if alike.max() > SAME else ""


def program(file: str, k: int = K, p: float = P) -> str:
    """The shortest program that gives the same caption from the bank that ships, as text."""
    return PROGRAM.format(file=repr(file), k=k, p=p, best=BEST, sharper=SHARPER)


PROGRAM = """\
import torch
from PIL import Image

from core.data import bank
from core.assets import EMBEDDED_FOLDER
from core.models.embedded.pair import EmbeddedPair  # EfficientNet-Lite0 and MiniLM, with 1000 anchors
from core.tasks._consensus import agreement

k, p = {k}, {p}
image = Image.open({file}).convert("RGB")
captions = bank.shipped()
pair = EmbeddedPair.load(EMBEDDED_FOLDER, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    nearest = pair.anchor_images([image])[0].clamp_min(0).topk(k)  # the anchors that the picture resembles most
seen = torch.zeros(1000).scatter(0, nearest.indices, nearest.values**p)
read = torch.from_numpy(captions.similarities[:, :k]).float() ** p  # and those that each caption resembles most
shared = (read * seen[torch.from_numpy(captions.indices[:, :k].astype(int))]).sum(1)
best = (shared / read.norm(dim=1) / seen.norm()).topk({best})
listed = [captions.captions[i] for i in best.indices]
agreed = agreement(listed, best.values.numpy() ** {sharper}, captions.gram_counts, captions.log_size)
print(listed[agreed.argmax()])
"""


@dataclass(frozen=True)
class Sharpening:
    """Similarities with anchors -> relative representations: the k largest, but for the anchors at the places `removed`,
    to the power p, unit norm."""

    k: int
    p: float
    removed: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    def __call__(self, similarities: Array) -> Array:
        """[n, anchors] -> the same shape."""
        kept = np.maximum(similarities, 0).astype(np.float64)
        kept[:, self.removed] = 0
        if self.k < kept.shape[1]:
            np.put_along_axis(kept, np.argpartition(-kept, self.k, axis=1)[:, self.k :], 0, axis=1)
        kept **= self.p
        unit: Array = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9)
        return unit

    def bank_scores(self, bank: Bank, seen: Array) -> Array:
        """[n]: each caption's representation times that of a picture [anchors]."""
        values = bank.similarities.astype(np.float32)
        if len(self.removed):
            there = ~np.isin(bank.indices, self.removed)
            values *= there & (there.cumsum(1) <= self.k)
        else:
            values[:, self.k :] = 0
        values **= self.p
        products = (values * seen.astype(np.float32)[bank.indices]).sum(1)
        scores: Array = products / np.maximum(np.linalg.norm(values, axis=1), 1e-9)
        return scores


def _anchored(models: Models, name: str, image: Image, added: Sequence[Image] = ()) -> Array:
    """[1, anchors + added]: the picture's cosines."""
    if added:
        found: Array = models.call(name, "anchor_images", [image], added).numpy()
        return found
    return models.anchor_images(name, [image])


def anchor_names(models: Models, name: str = EMBEDDED) -> list[str]:
    if not issubclass(models.catalog.adapter(name), AnchoredEncoder):
        raise UserError(f"{name} has no anchors. Choose the embedded model.")
    names: list[str] = models.detail(name, "anchor_names")
    return names


def _places(names: list[str], removed: Sequence[str]) -> NDArray[np.intp]:
    unknown = [name for name in removed if name not in names]
    if unknown:
        raise UserError(f"There is no anchor called “{str(unknown[0])[:60]}”.")
    return np.array([place for place, name in enumerate(names) if name in set(removed)], dtype=np.intp)
