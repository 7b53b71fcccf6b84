# SPDX-License-Identifier: Apache-2.0

"""What contrastive learning has in common over the embedded pair and over a published checkpoint: its settings and its loss."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core.training.losses import infoloob_loss, neighbour_loss, sigmoid_loss, softmax_loss
from core.training.objective import Batch, Config, Learner, option

LOSSES = ("softmax", "sigmoid", "infoloob")


@dataclass(frozen=True)
class ContrastiveConfig(Config):
    batch: int = option(100, "pairs in each step; each picture is contrasted with all texts of the batch", 2, 1024)
    learning_rate: float = option(3e-4, "how far each step changes the weights", 1e-7, 1.0)
    held_out: float = option(
        0.4, "share of the data that is measured on and never trained on; R@1 of a few pictures tells little", 0.05, 0.9
    )
    loss: str = option("softmax", "CLIP's softmax, SigLIP's sigmoid, or CLOOB's InfoLOOB", of=LOSSES)
    lock_image: bool = option(True, "LiT: the image side is frozen, only the text side is trained")
    neighbours: bool = option(False, "DeCLIP: also match each picture with the text nearest to its own")
    rank: int = option(8, "of LoRA's matrices; for a published checkpoint, not for the built-in pair", 1, 128)


class ContrastiveLearner(Learner):
    """`outputs` gives `image` and `text` [n, d] of unit norm; a batch has `text` [n, d], the texts' vectors before training. Logits are
    scale * cosine + bias, starting from `scale` and `bias`, which are trained if `learned`. The losses and their papers are in
    core/training/losses.py."""

    def __init__(self, settings: ContrastiveConfig, scale: float, bias: float = 0.0, learned: bool = False) -> None:
        super().__init__()
        self.settings = settings
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learned)
        self.bias = nn.Parameter(torch.tensor(bias), requires_grad=learned)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """The trained model, in the form of `save_pretrained`."""

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        images, texts, scale = outputs["image"], outputs["text"], self.log_scale.exp()
        logits = scale * images @ texts.T + self.bias
        if self.settings.loss == "infoloob":
            terms = {"pairs": infoloob_loss(images, texts, scale)}
        else:
            terms = {"pairs": (sigmoid_loss if self.settings.loss == "sigmoid" else softmax_loss)(logits)}
        if self.settings.neighbours:
            terms["neighbours"] = neighbour_loss(images, texts, batch["text"], scale)
        return {"loss": torch.stack(list(terms.values())).sum(), **(terms if len(terms) > 1 else {})}
