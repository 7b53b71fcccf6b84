# SPDX-License-Identifier: Apache-2.0

"""Zero-shot classification: which of these labels describes the picture (CLIP, section 3.1)."""

from __future__ import annotations

import threading
from collections.abc import Sequence

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
from core.tasks._program import READ_IMAGE, headed, shown_path
from core.tasks._sources import embed, in_batches
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
NEUTRAL = "a photo"  # what a label is weighed against when a model was trained with softmax and never calibrated
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
    cosines = pictures @ label_vectors(models, name, labels, templates, on_step, stop).T
    scale: Scale = models.detail(name, "scale")
    logits = scale.scale * cosines + scale.bias
    if scoring == "softmax":
        scores = softmax(logits, axis=1)
    elif scoring == "cosine":
        scores = cosines
    elif scale.presence is not None or scale.sigmoid:
        slope, bias = scale.presence or (scale.scale, scale.bias)
        scores = expit(slope * cosines + bias)
    else:
        neutral = pictures @ models.embed_texts(name, [NEUTRAL]).T
        scores = expit(scale.scale * (cosines - neutral))
    return Classification(
        labels,
        cosines.tolist(),
        logits.tolist(),
        scores.tolist(),
        scoring,
        calibrated=scoring == "independent" and scale.presence is not None,
        sigmoid=scale.sigmoid,
        notes=notes,
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
        labels, logits.tolist(), logits.tolist(), scores, "softmax", calibrated=False, own_labels=True, notes=notes
    )


def label_vectors(
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


def program(
    models: Models, name: str, files: Sequence[str], labels: Sequence[str], templates: Sequence[str], scoring: str
) -> str:
    """The shortest program that gives the same scores, as text, ready to run as its heading says."""
    adapter = models.catalog.adapter(name)
    if issubclass(adapter, Classifier):
        return _own_program(adapter.classify_program(str(models.catalog.spec(name).path)), files)
    assert issubclass(adapter, DualEncoder)
    scale: Scale = models.detail(name, "scale")
    slope, bias = scale.presence or (None, None)
    last = {
        "softmax": "scores = (scale * cosines + bias).softmax(dim=1)",
        "cosine": "scores = cosines",
        "independent": f"scores = torch.sigmoid({slope} * cosines + {bias})  # calibrated"
        if slope is not None
        else "scores = torch.sigmoid(scale * cosines + bias)",
    }[scoring]
    extra = ""
    if scoring == "independent" and not (scale.sigmoid or scale.presence):
        extra = f" + [{NEUTRAL!r}]"
        last = (
            "cosines, neutral = cosines[:, :-1], cosines[:, -1:]\nscores = torch.sigmoid(scale * (cosines - neutral))"
        )
    average = len(templates) > 1
    spec = models.catalog.spec(name)
    text = "\n".join(
        [
            "import torch",
            "from PIL import Image, ImageOps",
            "",
            _images_line(files),
            f"labels = {list(labels)!r}",
            f"templates = {list(templates)!r}",
            f"texts = [template.format(label) for label in labels for template in templates]{extra}",
            "",
            adapter.program(str(spec.path or spec.id)).rstrip(),
            "",
            *(_average(bool(extra)) if average else []),
            "cosines = image_embeds @ text_embeds.T",
            last,
            "for row in scores:",
            "    print({label: round(score, 4) for label, score in zip(labels, row.tolist())})",
            "",
        ]
    )
    return headed(text, files)


def _images_line(files: Sequence[str]) -> str:
    return f"images = [{READ_IMAGE.format(file='file')} for file in {[shown_path(file) for file in files]!r}]"


def _own_program(program: str, files: Sequence[str]) -> str:
    text = f"""\
import torch
from PIL import Image, ImageOps

{_images_line(files)}

{program.rstrip()}

for row in logits.softmax(dim=1):
    print({{label: round(score, 4) for label, score in zip(labels, row.tolist())}})
"""
    return headed(text, files)


def _average(neutral: bool) -> list[str]:
    if not neutral:
        return [
            "text_embeds = text_embeds.unflatten(0, (len(labels), len(templates))).mean(1)  # average the templates",
            "text_embeds = torch.nn.functional.normalize(text_embeds, dim=1)",
        ]
    return [
        "averaged = text_embeds[:-1].unflatten(0, (len(labels), len(templates))).mean(1)  # average the templates",
        "text_embeds = torch.cat([torch.nn.functional.normalize(averaged, dim=1), text_embeds[-1:]])",
    ]
