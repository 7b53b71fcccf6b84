# SPDX-License-Identifier: Apache-2.0

"""Contrastive learning on a published dual encoder, by LoRA (Hu et al., arXiv 2106.09685, equation 3): W x + (alpha / r) B A x for
each linear layer W of a tower, with A and B trained and merged into W when the model is saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.errors import UserError
from core.models.layers.dual_encoder import TransformersPair
from core.training.objective import Batch, Example
from core.training.objectives._contrastive import ContrastiveConfig, ContrastiveLearner

ENCODED_AT_ONCE = 16  # pictures or texts that are encoded at once
TOKEN_PREFIX = "tokens_"  # a batch names the text tower's arguments with it, such as tokens_input_ids


@torch.no_grad()
def encode(pair: TransformersPair, examples: Sequence[Example], locked: bool) -> dict[str, Tensor]:
    """The text tower's arguments, `tokens_...` [n, length]; `text` [n, d], the texts' vectors before training; and `image` [n, d],
    the pictures' vectors, where the image tower is `locked`, else `pixels` [n, 3, h, w]. Vectors have unit norm."""
    tokens = pair.tokens([example.text for example in examples])
    rows = {TOKEN_PREFIX + name: value.cpu() for name, value in tokens.items()}
    texts, pictures = [], []
    for start in range(0, len(examples), ENCODED_AT_ONCE):
        part = examples[start : start + ENCODED_AT_ONCE]
        texts.append(pair.embed_texts([example.text for example in part]))
        images = [example.picture() for example in part]
        pictures.append(pair.embed_images(images) if locked else pair.pixels(images).cpu())
    return rows | {"text": torch.cat(texts), "image" if locked else "pixels": torch.cat(pictures)}


class LoraLearner(ContrastiveLearner):
    """B is zero at first, so that training starts from the checkpoint's vectors. Its scale and bias are frozen. `row` is a batch of
    one, by which the linear layers in use are found. Raises UserError for a loss or a tower that the checkpoint does not have."""

    model: PeftModel

    def __init__(self, pair: TransformersPair, settings: ContrastiveConfig, row: Batch) -> None:
        scale = pair.scale()
        if settings.loss == "sigmoid" and not scale.sigmoid:
            raise UserError(
                "The sigmoid loss needs a checkpoint that was trained with it, such as SigLIP. Choose another."
            )
        super().__init__(settings, scale.scale, scale.bias)
        self.pair = pair
        linear = linear_layers_used(pair.model, lambda: self._texts(row))
        if not settings.lock_image:
            of_images = linear_layers_used(pair.model, lambda: self._images(row))
            if not of_images:
                raise UserError(
                    "The image tower of this checkpoint has no linear layers to adapt. Lock the image side."
                )
            linear += of_images
        lora = LoraConfig(
            r=settings.rank, lora_alpha=2 * settings.rank, target_modules="|".join(map(re.escape, sorted(set(linear))))
        )
        self.model = get_peft_model(pair.model, lora)

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        return {"image": self._images(batch), "text": self._texts(batch)}

    def save(self, folder: Path) -> None:
        merged = deepcopy(self.model).merge_and_unload()
        merged.save_pretrained(folder)
        self.pair.processor.save_pretrained(folder)

    def _texts(self, batch: Batch) -> Tensor:
        tokens = {
            name.removeprefix(TOKEN_PREFIX): value.to(self.bias.device)
            for name, value in batch.items()
            if name.startswith(TOKEN_PREFIX)
        }
        return normalize(self.pair.text_features(tokens), dim=-1)

    def _images(self, batch: Batch) -> Tensor:
        if "image" in batch:
            return batch["image"].to(self.bias.device)
        return normalize(self.pair.image_features(batch["pixels"].to(self.bias.device)), dim=-1)


@torch.no_grad()
def linear_layers_used(model: nn.Module, read: Callable[[], object]) -> list[str]:
    """Names of the linear layers of `model` whose forward is called by `read()`: those of the other tower are left alone."""
    names: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: names.append(name))
        for name, module in model.named_modules()
        if type(module) is nn.Linear  # not its subclasses, whose weights attention reads past their forward
    ]
    read()
    for hook in hooks:
        hook.remove()
    return names
