# SPDX-License-Identifier: Apache-2.0

"""Make assets/embedded/calibration.json: what the embedded model's similarities mean as probabilities.

    python -m recipes.calibrate

Measured on the demo gallery, none of whose pictures the model was made from. assets/gallery/objects.csv says, by
eye, which of about a hundred nouns each picture shows; those seen at all are scored against every picture.
- presence: P(noun is there) = sigmoid(scale * cosine + bias), by logistic regression (Platt, 1999);
- softmax: the scale (inverse temperature; Guo et al., arXiv 1706.04599) under which, over pictures that show
  exactly one of the nouns, the softmax over all nouns gives the truth the greatest likelihood.
Half a minute on two cores.
"""

from __future__ import annotations

import csv
import json

import numpy as np
import torch

from core import images
from core.assets import EMBEDDED_FOLDER, GALLERY_FOLDER
from core.engine import Engine
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import Settings
from core.tasks.zero_shot import label_vectors


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
    figures = {"presence": {"scale": round(scale, 3), "bias": round(bias, 3)}, "softmax": {"scale": round(softmax, 3)}}
    (EMBEDDED_FOLDER / "calibration.json").write_text(json.dumps(figures, indent=1) + "\n")


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
