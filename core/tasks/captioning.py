# SPDX-License-Identifier: Apache-2.0

"""Captions of one or many pictures by several methods side by side: chosen by ASIF, written by MaGiC, and by models that were
trained on pictures with captions, for comparison."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from PIL.Image import Image

from core import images as image_files
from core.data import bank
from core.engine import OnStep
from core.errors import Stopped, UserError
from core.models.abilities import AttentiveCaptioner, Attribution, Captioner
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import Captioned
from core.tasks import TASKS, Task, asif, magic
from core.tasks._program import headed, image_line
from core.tasks._sources import embed

TASK = TASKS.register(
    "captioning", Task("captioning", "a caption by a model trained on pictures with captions", Captioner)
)

MAX_PICTURES = 100
ALTERNATIVES = 5
Captions = list[dict[str, float]]  # of each picture: captions with what decided between them, the answer first
Method = Callable[[Models, Sequence[Image], threading.Event | None], Captions]


def by_asif(models: Models, images: Sequence[Image], stop: threading.Event | None = None) -> Captions:
    """With how much the best of the bank agree with each, 0..1."""
    found = [asif.caption(models, image, bank.shipped(), stop=stop).best[:ALTERNATIVES] for image in images]
    return [{one.caption: one.agreement for one in best} for best in found]


def by_rule(rule: magic.Rule) -> Method:
    """With the embedded model's similarity of picture and text at the last word, 0..1."""

    def write(models: Models, images: Sequence[Image], stop: threading.Event | None = None) -> Captions:
        drafts = magic.caption(models, EMBEDDED, images, rule, stop=stop)
        return [{draft.text: draft.steps[-1].similarities[draft.steps[-1].chosen]} for draft in drafts]

    return write


METHODS: dict[str, Method] = {
    "ASIF": by_asif,
    "MaGiC": by_rule(magic.VARIANTS[magic.RECALLED]),
    "MaGiC as published": by_rule(magic.VARIANTS[magic.PUBLISHED]),
    "the language model, no picture": by_rule(magic.VARIANTS[magic.BLIND]),
}


def methods(models: Models) -> list[str]:
    """The lab's own, and every captioner among the checkpoints."""
    return [*METHODS, *(spec.id for spec in models.catalog.specs(TASK.needs))]


def compare(
    models: Models,
    images: Sequence[image_files.Source],
    names: Sequence[str],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> list[Captioned]:
    """One for each method and picture, method by method. `images` are files or PIL images, read a few at a time, once
    for each method. Raises UserError for too many pictures, one that cannot be read, or a method that is none; Stopped between
    words, pictures and batches once `stop` is set."""
    if not images or not names:
        raise UserError("Choose a picture and at least one method first.")
    if len(images) > MAX_PICTURES:
        raise UserError(f"That is {len(images)} pictures; at most {MAX_PICTURES} are captioned at once.")
    captions: Captions = []
    for name in names:  # method by method: not all of their models may fit into memory at once
        captioned = _method(models, name)
        for batch in image_files.read_batches(images, stop):
            captions += captioned(models, [picture.image for picture in batch], stop)
            if on_step:
                on_step(len(captions), len(names) * len(images))
    pictures, notes = embed(models, EMBEDDED, images, None, stop)
    texts = models.embed_texts(EMBEDDED, [next(iter(found)) for found in captions], None, stop)
    rows = []
    for number, (found, vector) in enumerate(zip(captions, texts, strict=True)):
        place, picture = divmod(number, len(images))
        similar = pictures @ vector
        own = int(similar.argmax()) == picture
        rows.append(Captioned(picture, names[place], found, float(similar[picture]), own, notes[picture]))
    return rows


def attribution(models: Models, image: Image, found: Sequence[Captioned]) -> Attribution | None:
    """What the first captioner that can say so attended to for each word of its caption of the first picture, `image`; None
    if none can."""
    for one in found:
        if (
            one.picture == 0
            and one.method not in METHODS
            and issubclass(models.catalog.adapter(one.method), AttentiveCaptioner)
        ):
            caption = next(iter(one.captions))
            shown: Attribution = models.call(one.method, "attention", models.encode(one.method, image), caption)
            return shown
    return None


def program(models: Models, name: str, file: str) -> str:
    """The shortest program that gives the same captions, as text, ready to run as its heading says."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, Captioner)
    text = f"""\
import torch
from PIL import Image, ImageOps

{image_line(file)}

{adapter.caption_program(str(spec.path or spec.id)).rstrip()}

for caption, confidence in captions.items():
    print(f"{{caption}}: {{confidence:.3f}}")
"""
    return headed(text, [file])


def _method(models: Models, name: str) -> Method:
    if name in METHODS:
        return METHODS[name]
    if not issubclass(models.catalog.adapter(name), Captioner):
        raise UserError(f"{name} writes no captions. Choose another.")

    def caption(models: Models, images: Sequence[Image], stop: threading.Event | None = None) -> Captions:
        found = []
        for image in images:
            if stop is not None and stop.is_set():
                raise Stopped
            found.append(models.call(name, "caption", models.encode(name, image)))
        return found

    return caption
