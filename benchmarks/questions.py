# SPDX-License-Identifier: Apache-2.0

"""Visual question answering on photographs: questions written from the instances of a COCO-shaped folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from benchmarks.instances import Instance
from benchmarks.presence import calibration_error
from core.measured import Measured, Statistic, measure
from core.models.inference import Models
from core.tasks import vqa

SMALLEST = 0.01  # share of the picture
KINDS = ("animal", "vehicle", "food")
PLURALS = {"person": "people", "mouse": "mice", "knife": "knives", "sheep": "sheep", "skis": "skis", "scissors": "scissors"}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """`right`: the answers that count as right. `stratum`: what the figure is averaged over."""

    picture: int
    question: str
    right: frozenset[str]
    stratum: str = ""


def existence(pictures: list[list[Instance]], categories: list[str]) -> list[Item]:
    """Of each picture the categories that cover SMALLEST or more, and as many absent ones, drawn by seed."""
    rng, items = np.random.default_rng(0), []
    for number, instances in enumerate(pictures):
        absent = sorted(set(categories) - {one.category for one in instances})
        cover = _coverage(instances)
        present = [name for name in categories if cover.get(name, 0) >= SMALLEST]
        for name in present:
            items.append(Item(number, f"Is there {_article(name)} {name}?", frozenset({"yes"})))
        for name in rng.choice(absent, min(len(present), len(absent)), replace=False):
            items.append(Item(number, f"Is there {_article(name)} {name}?", frozenset({"no"})))
    return items


def counting(pictures: list[list[Instance]], categories: list[str]) -> list[Item]:
    """Categories with one to five instances, none a crowd, each of SMALLEST or more."""
    items = []
    for number, instances in enumerate(pictures):
        for name in categories:
            mine = [one for one in instances if one.category == name]
            if 1 <= len(mine) <= 5 and all(not one.crowd and one.coverage >= SMALLEST for one in mine):
                question = f"How many {plural(name)} are there?"
                items.append(Item(number, question, frozenset({str(len(mine))}), str(min(len(mine), 3))))
    return items


def identity(pictures: list[list[Instance]], categories: list[str]) -> list[Item]:
    """What animal, vehicle or food is in the picture? Any that is there is right."""
    items = []
    for number, instances in enumerate(pictures):
        for kind in KINDS:
            right = frozenset(one.category for one in instances if one.group == kind)
            if right:
                items.append(Item(number, f"What {kind} is in the picture?", right))
    return items


def position(pictures: list[list[Instance]], categories: list[str]) -> list[Item]:
    """Where is it? Of categories with one instance of SMALLEST or more: the outer thirds that the middle of its box lies in, or
    the middle of the picture."""
    items = []
    for number, instances in enumerate(pictures):
        for name in categories:
            mine = [one for one in instances if one.category == name]
            if len(mine) == 1 and mine[0].coverage >= SMALLEST:
                items.append(Item(number, f"Where is the {name}?", _places(mine[0].mask)))
    return items


def figures(
    models: Models, name: str, images: list[Image], pictures: list[list[Instance]], categories: list[str]
) -> dict[str, Measured | float]:
    """Of each kind the accuracy of the first answers, its prior what the likeliest answers alone, without a picture, would get;
    and how far its confidences miss that (`KIND.ECE`). Counting is the mean of the accuracies at the true counts 1, 2, and 3
    or more, and `counting.roughly` that at "one" and "several"."""
    out: dict[str, Measured | float] = {}
    parts = {"existence": existence, "counting": counting, "identity": identity, "position": position}
    for part, write in parts.items():
        items = write(pictures, categories)
        if not items:
            continue
        found = _ask(models, name, images, items)
        answers, confidences = [answer for answer, _ in found], np.array([confidence for _, confidence in found])
        out[part] = _measured(items, answers, prior(items))
        out[f"{part}.ECE"] = _calibration(items, confidences, _right(items, answers))
        if part == "counting":
            right = [vqa.roughly(next(iter(one.right))) for one in items]
            rough = [Item(one.picture, "", frozenset({words}), words) for one, words in zip(items, right, strict=True)]
            out["counting.roughly"] = _measured(rough, list(map(vqa.roughly, answers)), prior(rough))
    return out


def _measured(items: list[Item], answers: list[str], guesses: list[str]) -> Measured:
    """The mean of the accuracies of the strata, over pictures."""
    strata = np.array([item.stratum for item in items])
    owner = [item.picture for item in items]

    def of(right: NDArray[np.bool_]) -> Statistic:
        return lambda places: float(
            np.mean([right[places][strata[places] == one].mean() for one in set(strata[places])])
        )

    guessed = of(_right(items, guesses))(np.arange(len(items)))
    right = _right(items, answers)
    return measure(right, owner, guessed, of(right))


def _calibration(items: list[Item], confidences: NDArray[np.floating], right: NDArray[np.bool_]) -> Measured:
    """The calibration error of first answers' confidences, over pictures."""
    owner = [item.picture for item in items]
    return measure(right, owner, statistic=lambda places: calibration_error(confidences[places], right[places]))


def _right(items: list[Item], answers: list[str]) -> NDArray[np.bool_]:
    return np.array([answer.lower() in item.right for item, answer in zip(items, answers, strict=True)])


def _places(mask: NDArray[np.bool_]) -> frozenset[str]:
    """By the middle of the box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y, x = (rows[0] + rows[-1]) / 2 / mask.shape[0], (columns[0] + columns[-1]) / 2 / mask.shape[1]
    found = {"left": x < 1 / 3, "right": x > 2 / 3, "top": y < 1 / 3, "bottom": y > 2 / 3}
    places = {name for name, there in found.items() if there}
    return frozenset(places or {"middle"})


def prior(items: list[Item]) -> list[str]:
    """The same answer to all questions of a kind: the one that is right most often."""
    counts: dict[str, Counter[str]] = {}
    for item in items:
        counts.setdefault(item.question if "What" in item.question else "", Counter()).update(item.right)
    best = {key: max(sorted(count), key=count.__getitem__) for key, count in counts.items()}
    return [best[item.question if "What" in item.question else ""] for item in items]


def _ask(models: Models, name: str, images: list[Image], items: list[Item]) -> list[tuple[str, float]]:
    """(first answer, its confidence) of each."""
    found: dict[tuple[int, str], tuple[str, float]] = {}
    for number, image in enumerate(images):
        questions = list(dict.fromkeys(item.question for item in items if item.picture == number))
        for start in range(0, len(questions), vqa.MAX_QUESTIONS):
            for answers in vqa.answer(models, name, image, questions[start : start + vqa.MAX_QUESTIONS]):
                found[number, answers.question] = next(iter(answers.confidences.items()), ("", 0.0))
    return [found[item.picture, item.question] for item in items]


def _coverage(instances: list[Instance]) -> dict[str, float]:
    masks: dict[str, np.ndarray] = {}
    for one in instances:
        masks[one.category] = masks.get(one.category, np.zeros_like(one.mask)) | one.mask
    return {name: float(mask.mean()) for name, mask in masks.items()}


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def plural(name: str) -> str:
    if name in PLURALS:
        return PLURALS[name]
    if name.endswith(("s", "ch", "sh", "x")):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") and name[-2] not in "aeiou" else name + "s"
