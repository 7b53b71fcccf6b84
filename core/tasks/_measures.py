# SPDX-License-Identifier: Apache-2.0

"""What core/tasks/measuring.py measures: one function for each ability.

Each takes (models, model, shown, on_step, stop), gives figures by "part.name", and raises Stopped between pictures or
batches once `stop` is set.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core import images
from core.data.galleries import Gallery, Item
from core.engine import OnStep
from core.errors import check_stop
from core.measured import measure
from core.models.abilities import Scale
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.tasks import segmentation, vqa
from core.tasks._statistics import Figures, choice, mean_average_precision, recall
from core.tasks.zero_shot import label_vectors

Stop = threading.Event | None


@dataclass(frozen=True)
class Shown:
    """Pictures of `gallery`, each with a caption, and which of `nouns` each shows: `present` [items, nouns]."""

    gallery: Gallery
    items: tuple[Item, ...]
    nouns: list[str]
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """A noun and the place of a picture, which shows it or not."""

    picture: int
    noun: str
    there: bool


def similarity(models: Models, model: str, shown: Shown, on_step: OnStep | None, stop: Stop) -> Figures:
    """`presence.mAP` and `choice` (see core/tasks/_statistics.py) by nouns, and `t2i.R@1`, `t2i.R@5`, `i2t.R@1`, `i2t.R@5`
    between the pictures and their captions."""
    count, total = len(shown.items), 2 * len(shown.items) + len(shown.nouns)
    steps = [_from(on_step, start, total) for start in (0, count, 2 * count)]
    pictures = shown.gallery.vectors(models, model, steps[0], stop, shown.items)
    _, captions = shown.gallery.caption_vectors(models, model, steps[1], stop, shown.items)
    cosines = pictures @ label_vectors(models, model, shown.nouns, on_step=steps[2], stop=stop).T
    check_stop(stop)
    scale: Scale = models.detail(model, "scale")
    own = [[place] for place in range(len(shown.items))]
    return {
        **mean_average_precision("presence", cosines, shown.present),
        **choice("choice", scale.scale * cosines + scale.bias, shown.present),
        **recall("t2i", captions, pictures, own, (1, 5)),
        **recall("i2t", pictures, captions, own, (1, 5)),
    }


def existence(models: Models, model: str, shown: Shown, on_step: OnStep | None, stop: Stop) -> Figures:
    """`vqa.existence`: the share of "Is there a ...?" whose first answer is right. Each noun is asked about as many pictures
    that show it as do not, so that a guess without looking is right half the time, whatever it knows of nouns."""
    right, owners = [], []
    for _, image, asked in _pictures(shown, on_step, stop):
        questions = [f"Is there {'an' if one.noun[0] in 'aeiou' else 'a'} {one.noun}?" for one in asked]
        for one, answers in zip(asked, vqa.answer(models, model, image, questions, stop), strict=True):
            first = next(iter(answers.confidences), "").strip().lower()
            right.append(first == ("yes" if one.there else "no"))
            owners.append(one.picture)
    return {"vqa.existence": measure(right, owners, 0.5)}


def painted(models: Models, model: str, shown: Shown, on_step: OnStep | None, stop: Stop) -> Figures:
    """`segmentation.present_area` and `segmentation.absent_area`: the mean share of the picture that is painted for a noun
    that it shows, and for the same nouns where it does not. No masks are known, so nothing is said of outlines."""
    areas, there, owners = [], [], []
    for _, image, asked in _pictures(shown, on_step, stop):
        found = segmentation.segment(models, model, image, [one.noun for one in asked], stop)
        for one, mask in zip(asked, segmentation.masks(found, stop=stop), strict=True):
            areas.append(mask.coverage)
            there.append(one.there)
            owners.append(one.picture)
    area, of, shows = np.array(areas), np.array(owners), np.array(there)
    return {
        "segmentation.present_area": measure(area[shows], of[shows]),
        "segmentation.absent_area": measure(area[~shows], of[~shows]),
    }


def captions(models: Models, model: str, shown: Shown, on_step: OnStep | None, stop: Stop) -> Figures:
    """`caption.R@1` and `caption.R@5`: how often a picture's caption finds it among all pictures of the gallery, by the built-in
    model's similarity."""
    written = []
    for item, image in _read(shown.items, on_step, stop):
        found: dict[str, float] = models.call(model, "caption", models.encode(model, image))
        written.append((item, next(iter(found), "")))
    place = {item.id: number for number, item in enumerate(shown.gallery.items)}
    pictures = shown.gallery.vectors(models, EMBEDDED, None, stop)
    texts = models.embed_texts(EMBEDDED, [text for _, text in written], None, stop)
    return recall("caption", texts, pictures, [[place[item.id]] for item, _ in written], (1, 5))


def balanced(shown: Shown) -> list[Asked]:
    """Of each noun as many pictures that show it as do not, the latter drawn by a fixed seed."""
    rng, asked = np.random.default_rng(0), []
    for column, noun in enumerate(shown.nouns):
        there, absent = np.flatnonzero(shown.present[:, column]), np.flatnonzero(~shown.present[:, column])
        count = min(len(there), len(absent))
        for places, is_there in ((there, True), (absent, False)):
            drawn = rng.choice(places, count, replace=False)
            asked += [Asked(int(place), noun, is_there) for place in drawn]
    return asked


def _pictures(shown: Shown, on_step: OnStep | None, stop: Stop) -> Iterator[tuple[Item, Image, list[Asked]]]:
    """Each picture with what is asked about it, MAX_PROMPTS at a time; those without are passed over."""
    of: dict[int, list[Asked]] = {}
    for one in balanced(shown):
        of.setdefault(one.picture, []).append(one)
    places = sorted(of)
    for place, (item, image) in zip(
        places, _read([shown.items[place] for place in places], on_step, stop), strict=True
    ):
        for start in range(0, len(of[place]), segmentation.MAX_PROMPTS):
            yield item, image, of[place][start : start + segmentation.MAX_PROMPTS]


def _read(items: Sequence[Item], on_step: OnStep | None, stop: Stop) -> Iterator[tuple[Item, Image]]:
    """One after the other; a step is done when the next is asked for."""
    for done, item in enumerate(items, 1):
        check_stop(stop)
        yield item, images.read(item.path, stop=stop).image
        if on_step:
            on_step(done, len(items))


def _from(on_step: OnStep | None, start: int, total: int) -> OnStep | None:
    """Steps that are a part of a longer work."""
    return (lambda done, _: on_step(min(start + done, total), total)) if on_step else None
