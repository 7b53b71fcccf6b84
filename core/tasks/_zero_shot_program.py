# SPDX-License-Identifier: Apache-2.0

"""The program that is shown beside a classification."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from core.models.abilities import Classifier, DualEncoder, Scale
from core.models.inference import Models
from core.tasks._noun_phrases import phrases_of, shown
from core.tasks._program import READ_IMAGE, headed, shown_path

NEUTRAL = "a photo"  # what a label is weighed against when a model was trained with softmax and never calibrated


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
    phrases = phrases_of(labels, scale)
    several = any(len(parts) > 1 for parts in phrases)
    words = "phrase for phrase in phrases" if several else "label for label in labels"
    last = {
        "softmax": "scores = (scale * cosines + bias).softmax(dim=1)",
        "cosine": "scores = cosines",
        "independent": "scores = probabilities  # calibrated; of several noun phrases the product"
        if several
        else f"scores = torch.sigmoid({slope} * cosines + {bias})  # calibrated"
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
            *([f"phrases = {list(chain(*phrases))!r}"] if several else []),
            f"templates = {list(templates)!r}",
            f"texts = [template.format({words.split()[0]}) {words[words.index('for') :]} for template in templates]{extra}",
            "",
            adapter.program(str(spec.path or spec.id)).rstrip(),
            "",
            *(_average(bool(extra), "phrases" if several else "labels") if average else []),
            "cosines = image_embeds @ text_embeds.T",
            *(shown(phrases, scale.further or 0.0, slope, bias) if several else []),
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


def _average(neutral: bool, names: str) -> list[str]:
    if not neutral:
        return [
            f"text_embeds = text_embeds.unflatten(0, (len({names}), len(templates))).mean(1)  # average the templates",
            "text_embeds = torch.nn.functional.normalize(text_embeds, dim=1)",
        ]
    return [
        f"averaged = text_embeds[:-1].unflatten(0, (len({names}), len(templates))).mean(1)  # average the templates",
        "text_embeds = torch.cat([torch.nn.functional.normalize(averaged, dim=1), text_embeds[-1:]])",
    ]
