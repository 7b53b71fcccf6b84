"""Captions of one or many pictures by several methods side by side: chosen by ASIF, written by MaGiC, and by models that were
trained on pictures with captions, for comparison."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from PIL.Image import Image

from core.data import bank
from core.engine import OnStep
from core.errors import Stopped, UserError
from core.models.abilities import AttentiveCaptioner, Attribution, Captioner
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.results import Captioned
from core.tasks import TASKS, Task, asif, magic

TASK = TASKS.register(
    "captioning", Task("captioning", "a caption by a model trained on pictures with captions", Captioner)
)

MAX_PICTURES = 100
ALTERNATIVES = 5
BATCH = 4  # pictures that MaGiC writes about side by side
Captions = list[dict[str, float]]  # of each picture: captions with what decided between them, the answer first
Method = Callable[[Models, Sequence[Image]], Captions]


def by_asif(models: Models, images: Sequence[Image]) -> Captions:
    """With how much the best of the bank agree with each, 0..1."""
    found = [asif.caption(models, image, bank.shipped()).best[:ALTERNATIVES] for image in images]
    return [{one.caption: one.agreement for one in best} for best in found]


def by_rule(rule: magic.Rule) -> Method:
    """With the similarity that the embedded pair sees at the last word, 0..1."""

    def write(models: Models, images: Sequence[Image]) -> Captions:
        drafts = magic.caption(models, EMBEDDED, images, rule)
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
    return [*METHODS, *(spec.id for spec in models.catalog.specs(Captioner))]


def compare(
    models: Models,
    images: Sequence[Image],
    names: Sequence[str],
    on_step: OnStep | None = None,
    stop: threading.Event | None = None,
) -> list[Captioned]:
    """One for each method and picture, method by method. `stop` is looked at between batches, and raises Stopped."""
    if not images or not names:
        raise UserError("Choose a picture and at least one method first.")
    if len(images) > MAX_PICTURES:
        raise UserError(f"That is {len(images)} pictures; at most {MAX_PICTURES} are captioned at once.")
    captions: Captions = []
    for name in names:
        captioned = _method(models, name)
        for start in range(0, len(images), BATCH):
            if stop is not None and stop.is_set():
                raise Stopped
            captions += captioned(models, images[start : start + BATCH])
            if on_step:
                on_step(len(captions), len(names) * len(images))
    seen = models.embed_images(EMBEDDED, images)
    read = models.embed_texts(EMBEDDED, [next(iter(found)) for found in captions])
    rows = []
    for number, (found, vector) in enumerate(zip(captions, read, strict=True)):
        place, picture = divmod(number, len(images))
        alike = seen @ vector
        rows.append(Captioned(picture, names[place], found, float(alike[picture]), int(alike.argmax()) == picture))
    return rows


def looked(models: Models, image: Image, found: Sequence[Captioned]) -> Attribution | None:
    """Where the first captioner that can say so looked for each word of its caption of `image`, the first picture; None if
    none can."""
    for one in found:
        if (
            one.picture == 0
            and one.method not in METHODS
            and issubclass(models.catalog.adapter(one.method), AttentiveCaptioner)
        ):
            encoding, caption = models.encode(one.method, image), next(iter(one.captions))
            attribution: Attribution = models.call(one.method, "attention", encoding, caption)
            return attribution
    return None


def program(models: Models, name: str, file: str) -> str:
    """The shortest program on `transformers` that gives the same captions, as text."""
    adapter, spec = models.catalog.adapter(name), models.catalog.spec(name)
    assert issubclass(adapter, Captioner)
    return f"""\
import torch
from PIL import Image

image = Image.open({file!r}).convert("RGB")

{adapter.caption_program(str(spec.path or spec.id)).rstrip()}

for caption, confidence in captions.items():
    print(f"{{caption}}: {{confidence:.3f}}")
"""


def _method(models: Models, name: str) -> Method:
    if name in METHODS:
        return METHODS[name]
    if not issubclass(models.catalog.adapter(name), Captioner):
        raise UserError(f"{name} writes no captions. Choose another.")
    return lambda models, images: [models.call(name, "caption", models.encode(name, image)) for image in images]
