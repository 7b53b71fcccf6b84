# SPDX-License-Identifier: Apache-2.0

"""Contrastive learning: a picture and its caption are drawn together, and apart from all others of the batch."""

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
from core.training.objectives import _towers
from core.training.objectives._pairs import ContrastiveConfig, Pairs


@register
class Contrastive(Objective):
    name = "contrastive"
    title = "Contrastive learning (CLIP, SigLIP, LiT, CLOOB, DeCLIP)"
    order = 10
    needs = ("image", "text")
    data = "gallery"  # scenes share their captions, and R@1 asks for the one that belongs to a picture
    metric = "R@1"
    Config = ContrastiveConfig
    about = r"""**Learned:** of the embedded pair a linear map beside the anchors on the text side, and on the image side unless it
is locked (LiT); the sigmoid loss also learns its scale and bias. Of a published checkpoint, maps of low rank beside those of its
text tower, and of its image tower unless locked ([LoRA](https://arxiv.org/abs/2106.09685)), added to them in the end. **Frozen:**
the towers' own weights and the anchors. It starts as the base itself.
**Loss** over n pairs with unit vectors $x_i$, $y_i$: softmax, as CLIP,
$-\frac{1}{2n}\sum_i \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_i y_j}} + \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_j y_i}}$; sigmoid, as
SigLIP, $-\frac{1}{n}\sum_{i,j}\log\sigma(z_{ij}(s x_i y_j + b))$; InfoLOOB, as CLOOB, on retrieved vectors without the own pair in the
denominator. **Papers:** [CLIP](https://arxiv.org/abs/2103.00020), [SigLIP](https://arxiv.org/abs/2303.15343),
[LiT](https://arxiv.org/abs/2111.07991), [CLOOB](https://arxiv.org/abs/2110.11316), [DeCLIP](https://arxiv.org/abs/2110.05208)."""

    config: ContrastiveConfig

    @classmethod
    def bases(cls, models: Models) -> list[str]:
        return [EMBEDDED, *(spec.id for spec in models.catalog.specs(TransformersPair))]

    @cached_property
    def _frozen(self) -> TransformersPair:
        """The published checkpoint as it is, which encodes."""
        return self._pair()

    def _pair(self) -> TransformersPair:
        """A new copy of the published checkpoint, in float32."""
        device = torch.device(self.models.engine.device.name)
        with torch.inference_mode(False):  # its weights are to have gradients
            pair = self.models.catalog.loader(self.base)(device, torch.float32)
        assert isinstance(pair, TransformersPair)
        return pair

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`image` [n, 1280] and `text` [n, 384], each tower's own unit vectors; of a published checkpoint what
        `_towers.encode` gives."""
        if self.base != EMBEDDED:
            return _towers.encode(self._frozen, examples, self.config.lock_image)
        pictures = [self._call("image_vector", example.picture())[0] for example in examples]
        return {"image": torch.stack(pictures), "text": self._call("centred", [example.text for example in examples])}

    def learner(self, train: Batch) -> Pairs:
        if self.base != EMBEDDED:
            self.__dict__.pop("_frozen", None)  # one copy in memory is enough
            return _towers.Towers(self._pair(), self.config, {name: value[:1] for name, value in train.items()})
        anchors = {side: self._call("anchor_vectors", side) for side in MODALITIES}
        scale = self.models.detail(self.base, "scale").scale
        return Maps(anchors, scale, self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """Recall@1 in 0..1 among the held-out part, words to pictures and back. A picture is in it once, with all of its
        captions; equal captions answer for each other's pictures, as in `retrieval.evaluate`."""
        found = learner.outputs_of_many(rows)
        images, texts = found["image"].numpy(), found["text"].numpy()
        pictures, pictures_of, captions_of = right_answers(examples)
        return {
            "R@1": recall(texts, images[pictures], pictures_of).at[1],
            "R@1 pictures to words": recall(images[pictures], texts, captions_of).at[1],
        }

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """For each picture the caption, of those shown, that it resembles most."""
        found = learner.outputs_of_many(rows)
        best = (found["image"] @ found["text"].T).argmax(1)
        return [examples[int(row)].text for row in best]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, Pairs)
        learner.save(folder)

    def _call(self, method: str, *args: object) -> Tensor:
        found: Tensor = self.models.call(self.base, method, *args)
        return found.cpu().clone()  # the engine gives tensors that no gradient may pass


def right_answers(examples: Sequence[Example]) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """(the row of each different picture; for each row which of those pictures its caption is true of; for each of those pictures
    the rows whose captions are true of it)."""
    row_of: dict[str, int] = {}
    texts = [example.text.lower() for example in examples]
    for row, example in enumerate(examples):
        row_of.setdefault(example.image, row)
    place_of = {picture: place for place, picture in enumerate(row_of)}
    true_of: dict[str, set[int]] = {}
    for example, text in zip(examples, texts, strict=True):
        true_of.setdefault(text, set()).add(place_of[example.image])
    pictures_of = [sorted(true_of[text]) for text in texts]
    captions_of: list[list[int]] = [[] for _ in row_of]
    for row, places in enumerate(pictures_of):
        for place in places:
            captions_of[place].append(row)
    return list(row_of.values()), pictures_of, captions_of


class Maps(Pairs):
    """The two maps, zero at first, so that the first vectors are the embedded pair's."""

    def __init__(self, anchors: dict[str, Tensor], scale: float, settings: ContrastiveConfig) -> None:
        sigmoid = settings.loss == "sigmoid"
        # SigLIP begins with -10, so that the many pairs that do not belong together are no surprise.
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
