"""Zero-shot classification: which of these labels describes the picture (CLIP, section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from core.engine import OnStep
from core.errors import UserError
from core.models.abilities import Classifier, DualEncoder, Scale
from core.models.inference import Models
from core.results import Classification
from core.tasks import TASKS, Task
from core.text import clean_text

TASK = TASKS.register("zero_shot", Task("zero_shot", "which of these labels describes the picture", DualEncoder))

SCORINGS = {
    "softmax": "softmax: the labels compete and add up to 1",
    "independent": "each label apart: the probability that it is in the picture",
    "cosine": "raw cosine similarity",
}
TEMPLATE = "a photo of a {}"
NEUTRAL = "a photo"  # what a label is weighed against when a model was trained with softmax and never calibrated
Matrix = NDArray[np.floating]
MAX_LABELS, MAX_TEMPLATES, LABEL_LENGTH = 1_000, 20, 200
MAX_TEXTS = 2_000  # labels x templates; the embedded model reads about 200 a second on two cores


def parse_labels(text: str) -> list[str]:
    """Labels one a line or separated by commas, trimmed, without duplicates, in the order given."""
    labels = [label.strip() for label in re.split(r"[\n,]", clean(text, MAX_LABELS * LABEL_LENGTH))]
    labels = list(dict.fromkeys(label for label in labels if label))
    if not labels:
        raise UserError("Type at least one label, one a line or separated by commas: for example “cat, dog”.")
    if len(labels) > MAX_LABELS:
        raise UserError(f"That is {len(labels):,} labels; at most {MAX_LABELS:,} are compared at once. Remove some.")
    if max(map(len, labels)) > LABEL_LENGTH:
        raise UserError(f"A label has more than {LABEL_LENGTH} characters. Put labels on lines of their own.")
    return labels


def parse_templates(text: str) -> list[str]:
    """Prompt templates one a line, each with {} where the label goes; none means the label alone."""
    templates = [line.strip() for line in clean(text, MAX_TEMPLATES * LABEL_LENGTH).splitlines()]
    templates = list(dict.fromkeys(line for line in templates if line)) or ["{}"]
    if len(templates) > MAX_TEMPLATES:
        raise UserError(f"That is {len(templates)} templates; at most {MAX_TEMPLATES} are averaged.")
    if bad := next((line for line in templates if line.count("{}") != 1), None):
        raise UserError(f"The template “{bad[:60]}” needs {{}} once, where the label goes: for example “{TEMPLATE}”.")
    return templates


def clean(text: str, limit: int) -> str:
    if len(text or "") > limit:
        raise UserError(f"That is {len(text):,} characters; at most {limit:,} are read here.")
    return (text or "").replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def classify(
    models: Models,
    name: str,
    images: Sequence[Image],
    labels: Sequence[str],
    templates: Sequence[str] = (TEMPLATE,),
    scoring: str = "softmax",
    on_step: OnStep | None = None,
) -> Classification:
    """Score every picture against every label.

    A label's vector is the mean of its vectors over the templates, as in CLIP. A Classifier has labels of its own, over
    which its scores are a softmax: labels, templates and scoring are not read. Raises UserError when there is nothing to
    score or `scoring` is unknown.
    """
    if not images:
        raise UserError("Choose a picture first.")
    if scoring not in SCORINGS:
        raise UserError(f"There is no scoring called {str(scoring)[:40]!r}. Choose one of: {', '.join(SCORINGS)}.")
    if issubclass(models.catalog.adapter(name), Classifier):
        return _by_own_labels(models, name, images, on_step)
    labels = parse_labels("\n".join(labels))
    pictures = models.embed_images(name, images, on_step)
    cosines = pictures @ label_vectors(models, name, labels, templates, on_step).T
    scale: Scale = models.detail(name, "scale")
    logits = scale.scale * cosines + scale.bias
    calibrated = scale.presence is not None or scale.sigmoid
    if scoring == "softmax":
        scores = softmax(logits)
    elif scoring == "cosine":
        scores = cosines
    elif calibrated:
        slope, bias = scale.presence or (scale.scale, scale.bias)
        scores = sigmoid(slope * cosines + bias)
    else:
        neutral = pictures @ models.embed_texts(name, [NEUTRAL]).T
        scores = sigmoid(scale.scale * (cosines - neutral))
    return Classification(
        labels, cosines.tolist(), logits.tolist(), scores.tolist(), scoring, scoring == "independent" and calibrated
    )


def _by_own_labels(models: Models, name: str, images: Sequence[Image], on_step: OnStep | None) -> Classification:
    parts = models.map(name, "classify", images, 16, on_step)
    logits = np.concatenate([part.numpy() for part in parts])
    labels = models.call(name, "labels")
    return Classification(
        labels, logits.tolist(), logits.tolist(), softmax(logits).tolist(), "softmax", False, own_labels=True
    )


def label_vectors(
    models: Models,
    name: str,
    labels: Sequence[str],
    templates: Sequence[str] = (TEMPLATE,),
    on_step: OnStep | None = None,
) -> Matrix:
    """[labels, d], unit norm: the mean over the templates."""
    texts = [template.replace("{}", clean_text(label)) for label in labels for template in templates]
    if len(texts) > MAX_TEXTS:
        raise UserError(
            f"{len(labels)} labels in {len(templates)} templates are {len(texts):,} sentences; at most {MAX_TEXTS:,} are read at once. Use fewer templates."
        )
    vectors = models.embed_texts(name, texts, on_step).reshape(len(labels), len(templates), -1).mean(1)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12))


def softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sigmoid(logits: Matrix) -> Matrix:
    return np.asarray(1 / (1 + np.exp(-logits)))


def program(
    models: Models, name: str, files: Sequence[str], labels: Sequence[str], templates: Sequence[str], scoring: str
) -> str:
    """The shortest program on `transformers` that gives the same scores, as text."""
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
    return "\n".join(
        [
            "import torch",
            "from PIL import Image",
            "",
            f'images = [Image.open(file).convert("RGB") for file in {list(files)!r}]',
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


def _own_program(program: str, files: Sequence[str]) -> str:
    return f"""\
import torch
from PIL import Image

images = [Image.open(file).convert("RGB") for file in {list(files)!r}]

{program.rstrip()}

for row in logits.softmax(dim=1):
    print({{label: round(score, 4) for label, score in zip(labels, row.tolist())}})
"""


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
