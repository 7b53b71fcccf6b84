# SPDX-License-Identifier: Apache-2.0

"""A training objective in one file, with the model that it makes: labels by the mean colour of a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import ImageStat
from PIL.Image import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.models.abilities import Classifier
from core.models.family import Family
from core.models.family import register as register_family
from core.training import register
from core.training.objective import Batch, Example, Learner, Objective
from core.training.objectives._texts import decode_texts, encode_texts, index_among, known_cross_entropy


def mean_colours(images: Sequence[Image]) -> Tensor:
    """[n, 3] of red, green and blue, each in -1..1."""
    return torch.tensor([ImageStat.Stat(image.convert("RGB")).mean for image in images]) / 127.5 - 1


class ColourLearner(Learner):
    """`names` [labels, longest] uint8: batches hold tensors only, so a label is its UTF-8 bytes."""

    names: Tensor

    def __init__(self, names: Tensor) -> None:
        super().__init__()
        self.register_buffer("names", names)
        self.linear = nn.Linear(3, len(names))

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        return {"logits": self.linear(batch["colour"].to(self.linear.weight.device))}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": known_cross_entropy(outputs["logits"], index_among(batch["name"], self.names))}


@register
class MeanColour(Objective):
    name = "mean-colour"
    title = "Labels by mean colour (logistic regression)"
    needs = ("image", "label")
    metric = "accuracy"
    about = r"""**Learned:** weights $w_k$ and a bias $b_k$ for each label. **Frozen:** the mean colour $c$ of a picture. **Loss** over
n pictures with logits $z_k = c\,w_k + b_k$: $-\frac{1}{n}\sum_i \log\frac{e^{z_{y_i}}}{\sum_k e^{z_k}}$.
**Papers:** [CLIP](https://arxiv.org/abs/2103.00020), section 3.2, does the same with the features of a vision tower."""

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`colour` [n, 3] of the picture, `name` [n, longest] of the label."""
        return {
            "colour": mean_colours([example.picture() for example in examples]),
            "name": encode_texts([example.label for example in examples]),
        }

    def learner(self, train: Batch) -> Learner:
        return ColourLearner(torch.unique(train["name"], dim=0))

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        found = self.predict(learner, rows, examples)
        return {"accuracy": sum(a == b.label for a, b in zip(found, examples, strict=True)) / len(found)}

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        assert isinstance(learner, ColourLearner)
        names = decode_texts(learner.names)
        return [names[place] for place in learner.outputs_of_many(rows)["logits"].argmax(1)]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, ColourLearner)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(learner.linear.state_dict(), folder / "model.safetensors")
        config = {"architectures": ["MeanColour"], "labels": decode_texts(learner.names)}
        (folder / "config.json").write_text(json.dumps(config))


class ColourClassifier(Classifier):
    """What a run of it saves, as the tabs use it."""

    def __init__(self, names: list[str], weights: dict[str, Tensor]) -> None:
        self.names, self.weights = names, weights

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> ColourClassifier:
        return cls(json.loads((path / "config.json").read_text())["labels"], load_file(path / "model.safetensors"))

    @property
    def nbytes(self) -> int:
        return sum(value.nbytes for value in self.weights.values())

    def labels(self) -> list[str]:
        return self.names

    def classify(self, images: Sequence[Image]) -> Tensor:
        return mean_colours(images) @ self.weights["weight"].T + self.weights["bias"]

    @classmethod
    def classify_program(cls, model_id: str) -> str:
        return f"""\
from pathlib import Path

from core.training.objectives.mean_colour import ColourClassifier

model = ColourClassifier.load(Path({model_id!r}), torch.device("cpu"), torch.float32)
labels, logits = model.labels(), model.classify(images)
"""


register_family(Family(name="mean-colour", adapter=ColourClassifier, architectures=("MeanColour",), specs=()))
