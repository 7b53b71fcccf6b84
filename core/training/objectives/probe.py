# SPDX-License-Identifier: Apache-2.0

"""A linear probe (Radford et al., arXiv 2103.00020, section 3.2): logistic regression on frozen features, for labels of one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.models.abilities import DualEncoder
from core.models.embedded.pair import EmbeddedPair
from core.models.inference import Models
from core.models.layers.asif import relative
from core.models.trained.linear_probe import ARCHITECTURE, probed
from core.tasks import zero_shot
from core.training import register
from core.training.objective import Batch, Config, Example, Learner, Objective, option
from core.training.objectives._texts import decode_texts, encode_texts, index_among, known_cross_entropy


@dataclass(frozen=True)
class ProbeConfig(Config):
    batch: int = option(64, "examples in each step", 2, 1024)
    weight_decay: float = option(
        0.05, "pull of the weights towards zero, that is towards zero-shot classification", 0.0, 1.0
    )


@register
class Probe(Objective):
    name = "probe"
    title = "Linear probe (labels of your own)"
    order = 80
    needs = ("image", "label")
    metric = "accuracy"
    Config = ProbeConfig
    about = r"""**Learned:** a row of weights $w_k$ and a bias $b_k$ for each label. **Frozen:** both towers; the picture's features
$f$ are computed once. Training starts from zero-shot classification, to which the weights are added; of the embedded pair $f$ is the
vision tower's own vector, which cannot be compared with texts. With cosine $x\,t_k$ of picture and label,
$z_k = s\,(x\,t_k + f\,w_k) + b_k$. **Loss**: $-\frac{1}{n}\sum_i \log\frac{e^{z_{y_i}}}{\sum_k e^{z_k}}$, multinomial logistic
regression, with weight decay. **Papers:** [CLIP](https://arxiv.org/abs/2103.00020), section 3.2;
[LP++](https://arxiv.org/abs/2404.02285), on adding what the labels' names say."""

    @classmethod
    def bases(cls, models: Models) -> list[str]:
        """Every dual encoder."""
        return [spec.id for spec in models.catalog.specs(DualEncoder)]

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`features` [n, f] of the vision tower; `image` and `text` [n, d], the base's vectors of picture and label, of unit norm;
        `name` [n, bytes], the label by `encode_texts`."""
        pictures, names = [example.picture() for example in examples], [example.label.strip() for example in examples]
        known = sorted(set(names))
        texts = torch.from_numpy(zero_shot.label_vectors(self.models, self.base, known))
        if issubclass(self.models.catalog.adapter(self.base), EmbeddedPair):
            call = self.models.call
            features = torch.cat([call(self.base, "image_vector", picture).cpu() for picture in pictures])
            vectors = relative(features, call(self.base, "anchor_vectors", "image"))
        else:
            features = vectors = torch.from_numpy(self.models.embed_images(self.base, pictures))
        own = texts[[known.index(name) for name in names]]
        return {"features": features, "image": vectors.clone(), "text": own, "name": encode_texts(names)}

    def learner(self, train: Batch) -> ProbeLearner:
        """Its labels are those of the training part."""
        return ProbeLearner(train, self.models.detail(self.base, "scale").scale)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """`accuracy` in 0..1: the share of pictures whose likeliest label is the given one."""
        found = self._labels(learner, rows)
        return {"accuracy": sum(a == b.label.strip() for a, b in zip(found, examples, strict=True)) / len(found)}

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The likeliest labels."""
        return self._labels(learner, rows)

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, ProbeLearner)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {"texts": learner.texts, "weight": learner.weight, "bias": learner.bias}
        save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, folder / "model.safetensors")
        config = {"architectures": [ARCHITECTURE], "base": self.base, "scale": learner.scale, "labels": learner.labels}
        (folder / "config.json").write_text(json.dumps(config, indent=1))

    def _labels(self, learner: Learner, rows: Batch) -> list[str]:
        assert isinstance(learner, ProbeLearner)
        return [learner.labels[place] for place in learner.outputs_of_many(rows)["logits"].argmax(1)]


class ProbeLearner(Learner):
    """`weight` [labels, f] and `bias` [labels], zero at first; `texts` [labels, d] are the labels' vectors. A label that is not in the
    training part has no part in the loss."""

    names: Tensor
    texts: Tensor

    def __init__(self, train: Batch, scale: float) -> None:
        super().__init__()
        names, inverse = torch.unique(train["name"], dim=0, return_inverse=True)
        first = [int((inverse == label).nonzero()[0]) for label in range(len(names))]
        self.register_buffer("names", names)
        self.register_buffer("texts", train["text"][first])
        self.labels, self.scale = decode_texts(names), scale
        self.weight = nn.Parameter(torch.zeros(len(names), train["features"].shape[1]))
        self.bias = nn.Parameter(torch.zeros(len(names)))

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        features, vectors = (batch[name].to(self.weight.device) for name in ("features", "image"))
        return {"logits": probed(features, vectors, self.texts, self.weight, self.bias, self.scale)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": known_cross_entropy(outputs["logits"], index_among(batch["name"], self.names))}
