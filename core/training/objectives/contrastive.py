# SPDX-License-Identifier: Apache-2.0

"""Contrastive learning (Radford et al., arXiv 2103.00020): the vectors of a picture and its caption are made more similar to each
other than to those of the rest of the batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.models.family import EMBEDDED
from core.models.inference import Models
from core.models.layers.asif import adapted
from core.models.layers.dual_encoder import TransformersPair
from core.models.trained.pair import ARCHITECTURE, MODALITIES
from core.tasks._ranking import recall
from core.training import register
from core.training.objective import Batch, Example, Learner, Objective
from core.training.objectives import _lora
from core.training.objectives._contrastive import ContrastiveConfig, ContrastiveLearner


@register
class Contrastive(Objective):
    name = "contrastive"
    title = "Contrastive learning (CLIP, SigLIP, LiT, CLOOB, DeCLIP)"
    order = 10
    needs = ("image", "text")
    data = "gallery"  # many scenes have the same caption, so R@1 would tell little
    metric = "R@1"
    Config = ContrastiveConfig
    about = r"""**Learned:** of the built-in pair a linear map, added to the relative representation, on the text side, and on the image side unless
it is locked (LiT); with the sigmoid loss also scale and bias. Of a published checkpoint, matrices of low rank for the linear layers of
its text tower, and of its image tower unless locked ([LoRA](https://arxiv.org/abs/2106.09685)), merged into them in the end. **Frozen:**
the towers' own weights and the anchors. Training starts from the base as it is.
**Loss** over n pairs with unit vectors $x_i$, $y_i$: softmax, as CLIP,
$-\frac{1}{2n}\sum_i \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_i y_j}} + \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_j y_i}}$; sigmoid, as
SigLIP, $-\frac{1}{n}\sum_{i,j}\log\sigma(z_{ij}(s x_i y_j + b))$; InfoLOOB, as CLOOB, on retrieved vectors, without the positive pair in the
denominator. **Papers:** [CLIP](https://arxiv.org/abs/2103.00020), [SigLIP](https://arxiv.org/abs/2303.15343),
[LiT](https://arxiv.org/abs/2111.07991), [CLOOB](https://arxiv.org/abs/2110.11316), [DeCLIP](https://arxiv.org/abs/2110.05208)."""

    config: ContrastiveConfig

    @classmethod
    def bases(cls, models: Models) -> list[str]:
        """The embedded pair, and every dual encoder of transformers."""
        return [EMBEDDED, *(spec.id for spec in models.catalog.specs(TransformersPair))]

    @cached_property
    def _frozen(self) -> TransformersPair:
        """The published checkpoint before training, for `encode`."""
        return self._pair()

    def _pair(self) -> TransformersPair:
        """A new copy of the published checkpoint, in float32."""
        device = torch.device(self.models.engine.device.name)
        with torch.inference_mode(False):  # its weights are to have gradients
            pair = self.models.catalog.loader(self.base)(device, torch.float32)
        assert isinstance(pair, TransformersPair)
        return pair

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`image` [n, 1280] and `text` [n, 384], the towers' vectors of unit norm; of a published checkpoint what `_lora.encode`
        gives."""
        if self.base != EMBEDDED:
            return _lora.encode(self._frozen, examples, self.config.lock_image)
        pictures = [self._call("image_vector", example.picture())[0] for example in examples]
        return {"image": torch.stack(pictures), "text": self._call("centred", [example.text for example in examples])}

    def learner(self, train: Batch) -> ContrastiveLearner:
        if self.base != EMBEDDED:
            self.__dict__.pop("_frozen", None)  # features are computed: one copy in memory is enough
            return _lora.LoraLearner(self._pair(), self.config, {name: value[:1] for name, value in train.items()})
        anchors = {side: self._call("anchor_vectors", side) for side in MODALITIES}
        scale = self.models.detail(self.base, "scale").scale
        return LinearMapsLearner(anchors, scale, self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """Recall@1 in 0..1 over the held-out part: `R@1` from text to picture, `R@1 pictures to words` from picture to text. A
        picture is a candidate once, with all of its captions as positives; equal captions share their pictures, as in
        `retrieval.evaluate`."""
        found = learner.outputs_of_many(rows)
        images, texts = found["image"].numpy(), found["text"].numpy()
        pictures, pictures_of, captions_of = ground_truth(examples)
        return {
            "R@1": recall(texts, images[pictures], pictures_of).at[1],
            "R@1 pictures to words": recall(images[pictures], texts, captions_of).at[1],
        }

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """For each picture the most similar of the `examples`' captions."""
        found = learner.outputs_of_many(rows)
        best = (found["image"] @ found["text"].T).argmax(1)
        return [examples[int(row)].text for row in best]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, ContrastiveLearner)
        learner.save(folder)

    def _call(self, method: str, *args: object) -> Tensor:
        found: Tensor = self.models.call(self.base, method, *args)
        return found.cpu().clone()  # the engine gives tensors that no gradient may pass


def ground_truth(examples: Sequence[Example]) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """(the first row of each different picture; for each row the indices of those pictures that its caption belongs to; for each of
    those pictures the rows of its captions). Captions are compared in lower case."""
    row_of: dict[str, int] = {}
    texts = [example.text.lower() for example in examples]
    for row, example in enumerate(examples):
        row_of.setdefault(example.image, row)
    place_of = {picture: place for place, picture in enumerate(row_of)}
    pictures_by_text: dict[str, set[int]] = {}
    for example, text in zip(examples, texts, strict=True):
        pictures_by_text.setdefault(text, set()).add(place_of[example.image])
    pictures_of = [sorted(pictures_by_text[text]) for text in texts]
    captions_of: list[list[int]] = [[] for _ in row_of]
    for row, places in enumerate(pictures_of):
        for place in places:
            captions_of[place].append(row)
    return list(row_of.values()), pictures_of, captions_of


class LinearMapsLearner(ContrastiveLearner):
    """Linear maps `maps` {modality: [d of its tower, anchors]}, zero at first, so that training starts from the embedded pair's
    vectors (see `adapted`)."""

    def __init__(self, anchors: dict[str, Tensor], scale: float, settings: ContrastiveConfig) -> None:
        sigmoid = settings.loss == "sigmoid"
        # SigLIP (section 3.2) starts at -10, since nearly all of the n * n pairs are negatives.
        super().__init__(settings, scale, -10.0 if sigmoid else 0.0, learned=sigmoid)
        for side, vectors in anchors.items():
            self.register_buffer(f"{side}_anchors", vectors)
        learned = [side for side in MODALITIES if side == "text" or not settings.lock_image]
        self.maps = nn.ParameterDict({side: nn.Parameter(torch.zeros_like(anchors[side].T)) for side in learned})

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        found = {}
        for side in MODALITIES:
            vectors = batch[side].to(self.bias.device)
            found[side] = adapted(vectors, self.get_buffer(f"{side}_anchors"), self.maps.get(side))
        return found

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        maps = {side: value.detach().cpu().contiguous() for side, value in self.maps.items()}
        save_file(maps, folder / "model.safetensors")
        config = {
            "architectures": [ARCHITECTURE],
            "scale": self.log_scale.exp().item(),
            "bias": self.bias.item(),
            "sigmoid": self.settings.loss == "sigmoid",
        }
        (folder / "config.json").write_text(json.dumps(config, indent=1))
