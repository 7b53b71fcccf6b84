# SPDX-License-Identifier: Apache-2.0

"""Contrastive learning on a published pair of towers, by LoRA (Hu et al., arXiv 2106.09685): beside each linear map W of a
tower a product B A of low rank is learned, and added to W in the end."""

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
from core.training.objectives._pairs import ContrastiveConfig, Pairs

AT_ONCE = 16  # pictures or texts
TOKENS = "tokens_"  # before the names of the text tower's arguments


@torch.no_grad()
def encode(pair: TransformersPair, examples: Sequence[Example], locked: bool) -> dict[str, Tensor]:
    """The texts' tokens [n, length] and, before any training, their vectors `text` [n, d]; of the pictures their vectors
    `image` [n, d] where that side is `locked`, else `pixels` [n, 3, h, w]."""
    tokens = pair.tokens([example.text for example in examples])
    rows = {TOKENS + name: value.cpu() for name, value in tokens.items()}
    texts, pictures = [], []
    for start in range(0, len(examples), AT_ONCE):
        part = examples[start : start + AT_ONCE]
        texts.append(pair.embed_texts([example.text for example in part]))
        images = [example.picture() for example in part]
        pictures.append(pair.embed_images(images) if locked else pair.pixels(images).cpu())
    return rows | {"text": torch.cat(texts), "image" if locked else "pixels": torch.cat(pictures)}


class Towers(Pairs):
    """LoRA's maps begin as zero, so that the first vectors are the checkpoint's. Its scale and bias stay."""

    model: PeftModel

    def __init__(self, pair: TransformersPair, settings: ContrastiveConfig, row: Batch) -> None:
        scale = pair.scale()
        if settings.loss == "sigmoid" and not scale.sigmoid:
            raise UserError(
                "The sigmoid loss needs a checkpoint that was trained with it, such as SigLIP. Choose another."
            )
        super().__init__(settings, scale.scale, scale.bias)
        self.pair = pair
        linear = passed(pair.model, lambda: self._texts(row))
        if not settings.lock_image:
            seen = passed(pair.model, lambda: self._images(row))
            if not seen:
                raise UserError("The image tower of this checkpoint has no linear maps to adapt. Lock the image side.")
            linear += seen
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
            name.removeprefix(TOKENS): value.to(self.bias.device)
            for name, value in batch.items()
            if name.startswith(TOKENS)
        }
        return normalize(self.pair.text_features(tokens), dim=-1)

    def _images(self, batch: Batch) -> Tensor:
        if "image" in batch:
            return batch["image"].to(self.bias.device)
        return normalize(self.pair.image_features(batch["pixels"].to(self.bias.device)), dim=-1)


@torch.no_grad()
def passed(model: nn.Module, read: Callable[[], object]) -> list[str]:
    """Names of the model's linear maps that `read()` goes through."""
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
