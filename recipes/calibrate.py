# SPDX-License-Identifier: Apache-2.0

"""Make assets/embedded/calibration.json: what the embedded model's similarities mean as probabilities.

    python -m recipes.calibrate

Measured on the demo gallery, none of whose pictures the model was made from. assets/gallery/objects.csv says, by
eye, which of about a hundred nouns each picture shows; those seen at all are scored against every picture.
- presence: P(noun is there) = sigmoid(scale * cosine + bias), by logistic regression (Platt, 1999);
- softmax: the scale (inverse temperature; Guo et al., arXiv 1706.04599) under which, over pictures that show
  exactly one of the nouns, the softmax over all nouns gives the truth the greatest likelihood;
- seen: a logistic regression over what `core.models.embedded.presence.features` gives, its bias moved to phrases that
  are there as often as not;
- absent_below: the presences below which FALSELY_ABSENT of the nouns that are there would be called absent, and of
  the sets of four nouns with one that is there, the set;
- phrases: what a further noun phrase costs, such that "a A and a B" beats A, B and either with something absent under
  pictures of both, and loses to A under pictures of A alone; the greatest mean of both shares.
Two minutes on two cores.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.presence import FALSELY_NONE, label_sets, pair_questions, single_questions
from core import images
from core.assets import EMBEDDED_FOLDER, GALLERY_FOLDER
from core.engine import Engine
from core.models.embedded.presence import Weights, features
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.noun_phrases import noun_phrases
from core.settings import Settings
from core.tasks.zero_shot import label_vectors

DRAWS = 20  # of the questions about each picture
COSTS = np.arange(0.0, 0.2, 0.005)  # of a further noun phrase, that are tried


def main() -> None:
    rows = list(csv.DictReader((GALLERY_FOLDER / "objects.csv").open(encoding="utf-8")))
    shown = [set(row["objects"].split(";")) - {""} for row in rows]
    nouns = sorted(set().union(*shown))
    truth = torch.tensor([[noun in seen for noun in nouns] for seen in shown])
    models = Models(Engine(Settings()))
    pictures = models.embed_images(
        EMBEDDED, [images.read(GALLERY_FOLDER / "pictures" / row["file"]).image for row in rows]
    )
    cosines = torch.from_numpy(np.asarray(pictures @ label_vectors(models, EMBEDDED, nouns).T)).double()
    scale, bias = fit(lambda x: torch.nn.functional.binary_cross_entropy_with_logits(
        x[0] * cosines + x[1], truth.double()), [10.0, -4.0])  # fmt: skip
    single = truth.sum(1) == 1
    (softmax,) = fit(lambda x: torch.nn.functional.cross_entropy(
        x[0] * cosines[single], truth[single].long().argmax(1)), [10.0])  # fmt: skip
    top = (cosines[single].argmax(1) == truth[single].long().argmax(1)).float().mean()
    print(f"{len(rows)} pictures, {len(nouns)} nouns, {int(truth.sum())} present")
    print(f"presence: sigmoid({scale:.2f} * cosine + {bias:.2f})")
    print(f"softmax: scale {softmax:.2f}; first choice right for {top:.2f} of {int(single.sum())} pictures")
    seen, log_odds = fit_seen(models, pictures, nouns, truth.numpy())
    figures = {
        "presence": {"scale": round(scale, 3), "bias": round(bias, 3)},
        "softmax": {"scale": round(softmax, 3)},
        "seen": {name: round(value, 4) for name, value in seen._asdict().items()},
        "absent_below": absent_below(1 / (1 + np.exp(-log_odds)), truth.numpy()),
        "phrases": {"further": further(cosines.numpy(), nouns, truth.numpy())},
    }
    (EMBEDDED_FOLDER / "calibration.json").write_text(json.dumps(figures, indent=1) + "\n")


def fit_seen(models: Models, pictures: np.ndarray, nouns: list[str], truth: np.ndarray) -> tuple[Weights, np.ndarray]:
    """The weights, and the log odds [pictures, nouns] that they give."""
    with models.lease(EMBEDDED) as pair, torch.inference_mode():
        presence = pair.answerer.parts.presence
        x = features(presence.vocabulary, presence.mentions, torch.from_numpy(pictures), nouns)
    inputs, there = torch.from_numpy(x), torch.from_numpy(truth).double()
    fitted = fit(lambda w: torch.nn.functional.binary_cross_entropy_with_logits(
        inputs @ w[:3] + w[3], there), [10.0, 0.5, 0.0, -4.0])  # fmt: skip
    rate = truth.mean()
    weights = Weights(*fitted[:3], bias=fitted[3] - float(np.log(rate / (1 - rate))))
    return weights, x @ np.array(weights[:3]) + weights.bias


def absent_below(presences: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    sets = [one for draw in range(DRAWS) for one in label_sets(truth, np.random.default_rng(draw))]
    likeliest = [presences[picture, labels].max() for picture, _, labels in sets]
    return {
        "phrase": round(float(np.quantile(presences[truth], FALSELY_NONE)), 3),
        "labels": round(float(np.quantile(likeliest, FALSELY_NONE)), 3),
    }


def further(cosines: np.ndarray, nouns: list[str], truth: np.ndarray) -> float:
    """The best of COSTS. `cosines` [pictures, nouns]."""
    column = {noun: number for number, noun in enumerate(nouns)}

    def first(questions: Sequence[tuple[int, list[str]]], cost: float) -> float:
        right = []
        for picture, phrases in questions:
            parts = [[cosines[picture, column[part]] for part in noun_phrases(phrase)] for phrase in phrases]
            scores = [sum(part) - cost * (len(part) - 1) for part in parts]
            right.append(all(scores[0] > score for score in scores[1:]))
        return float(np.mean(right))

    rngs = [np.random.default_rng(draw) for draw in range(DRAWS // 4)]
    pairs = [one for rng in rngs for one in pair_questions(truth, nouns, rng)]
    singles = [one for rng in rngs for one in single_questions(truth, nouns, rng)]
    found = [(first(pairs, cost), first(singles, cost)) for cost in COSTS]
    best = int(np.argmax([sum(both) for both in found]))
    print(
        f"further noun phrase: {COSTS[best]:.3f}; pairs first {found[best][0]:.3f}, one alone first {found[best][1]:.3f}"
    )
    return round(float(COSTS[best]), 3)


def fit(loss, start: list[float]) -> list[float]:  # noqa: ANN001
    """The numbers that make a smooth loss smallest."""
    x = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([x], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimiser.step(step)
    return x.tolist()


if __name__ == "__main__":
    main()
