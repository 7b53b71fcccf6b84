"""Contrastive learning: a picture and its caption are drawn together, and apart from all others of the batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.models.tuned_pair import ARCHITECTURE, SIDES, tuned
from core.tasks import retrieval
from core.training import register
from core.training.losses import infoloob_loss, neighbour_loss, sigmoid_loss, softmax_loss
from core.training.objective import Batch, Config, Example, Learner, Objective, option

LOSSES = ("softmax", "sigmoid", "infoloob")


@dataclass(frozen=True)
class ContrastiveConfig(Config):
    batch: int = option(100, "pairs in each update; each is told apart from all others of it", 2, 1024)
    learning_rate: float = option(1e-4, "size of an update", 1e-7, 1.0)
    loss: str = option("softmax", "CLIP's softmax, SigLIP's sigmoid, or CLOOB's InfoLOOB", of=LOSSES)
    lock_image: bool = option(True, "LiT: the image side stays as it is, the text side learns to meet it")
    neighbours: bool = option(False, "DeCLIP: draw each picture to the caption nearest to its own, too")


@register
class Contrastive(Objective):
    name = "contrastive"
    title = "Contrastive learning (CLIP, SigLIP, LiT, CLOOB, DeCLIP)"
    order = 10
    needs = ("image", "text")
    metric = "R@1"
    Config = ContrastiveConfig
    about = r"""**Learned:** a linear map beside the anchors on the text side, and on the image side unless it is locked (LiT); the
sigmoid loss also learns its scale and bias. **Frozen:** both towers and the anchors. It starts as the embedded pair itself.
**Loss** over n pairs with unit vectors $x_i$, $y_i$: softmax, as CLIP,
$-\frac{1}{2n}\sum_i \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_i y_j}} + \log\frac{e^{s x_i y_i}}{\sum_j e^{s x_j y_i}}$; sigmoid, as
SigLIP, $-\frac{1}{n}\sum_{i,j}\log\sigma(z_{ij}(s x_i y_j + b))$; InfoLOOB, as CLOOB, on retrieved vectors without the own pair in the
denominator. **Papers:** [CLIP](https://arxiv.org/abs/2103.00020), [SigLIP](https://arxiv.org/abs/2303.15343),
[LiT](https://arxiv.org/abs/2111.07991), [CLOOB](https://arxiv.org/abs/2110.11316), [DeCLIP](https://arxiv.org/abs/2110.05208)."""

    config: ContrastiveConfig

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`image` [n, 1280] and `text` [n, 384], each tower's own unit vectors."""
        pictures = [self._call("image_vector", example.picture())[0] for example in examples]
        return {"image": torch.stack(pictures), "text": self._call("centred", [example.text for example in examples])}

    def learner(self, train: Batch) -> Maps:
        anchors = {side: self._call("anchor_vectors", side) for side in SIDES}
        scale = self.models.detail(self.base, "scale").scale
        return Maps(anchors, scale, self.config)

    def measure(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> dict[str, float]:
        """Recall@1 among the held-out pairs, words to pictures and back."""
        found = learner.outputs(rows)
        images, texts = found["image"].cpu().numpy(), found["text"].cpu().numpy()
        own = [[row] for row in range(len(images))]
        return {
            "R@1": retrieval.recall(texts, images, own).at[1],
            "R@1 pictures to words": retrieval.recall(images, texts, own).at[1],
        }

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """For each picture the caption, of those shown, that it resembles most."""
        found = learner.outputs(rows)
        best = (found["image"] @ found["text"].T).argmax(1)
        return [examples[int(row)].text for row in best]

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, Maps)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {side: value.detach().cpu().contiguous() for side, value in learner.maps.items()},
            folder / "model.safetensors",
        )
        config = {
            "architectures": [ARCHITECTURE],
            "scale": float(learner.log_scale.exp()),
            "bias": float(learner.bias),
            "sigmoid": self.config.loss == "sigmoid",
        }
        (folder / "config.json").write_text(json.dumps(config, indent=1))

    def _call(self, method: str, *args: object) -> Tensor:
        found: Tensor = self.models.call(self.base, method, *args)
        return found.cpu()


class Maps(Learner):
    """The two maps, zero at first, so that the first vectors are the embedded pair's."""

    def __init__(self, anchors: dict[str, Tensor], scale: float, settings: ContrastiveConfig) -> None:
        super().__init__()
        self.settings = settings
        for side, vectors in anchors.items():
            self.register_buffer(f"{side}_anchors", vectors)
        learned = [side for side in SIDES if side == "text" or not settings.lock_image]
        self.maps = nn.ParameterDict({side: nn.Parameter(torch.zeros_like(anchors[side].T)) for side in learned})
        sigmoid = settings.loss == "sigmoid"
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=sigmoid)
        # SigLIP begins with -10, so that the many pairs that do not belong together are no surprise.
        self.bias = nn.Parameter(torch.tensor(-10.0 if sigmoid else 0.0), requires_grad=sigmoid)

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        found = {}
        for side in SIDES:
            vectors = batch[side].to(self.bias.device)
            found[side] = tuned(vectors, self.get_buffer(f"{side}_anchors"), self.maps.get(side))
        return found

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        images, texts, scale = outputs["image"], outputs["text"], self.log_scale.exp()
        logits = scale * images @ texts.T + self.bias
        if self.settings.loss == "infoloob":
            terms = {"pairs": infoloob_loss(images, texts, scale)}
        else:
            terms = {"pairs": (sigmoid_loss if self.settings.loss == "sigmoid" else softmax_loss)(logits)}
        if self.settings.neighbours:
            terms["neighbours"] = neighbour_loss(images, texts, batch["text"], scale)
        return {"loss": sum(terms.values(), torch.zeros(())), **(terms if len(terms) > 1 else {})}
