# SPDX-License-Identifier: Apache-2.0

"""PrefixLM: a small encoder-decoder learns to write, with the picture's places as what stands before the first word."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.layers.cross_attention import PrefixLM
from core.training import register
from core.training.objective import Config, option
from core.training.objectives._captioning import GridCaptionObjective


@dataclass(frozen=True)
class PrefixLMConfig(Config):
    steps: int = option(400, "updates of the weights", 1, 20_000)
    warmup: int = option(100, "updates until the learning rate is reached; with few, nothing is learned", 0, 5_000)
    eval_every: int = option(100, "updates between two evaluations; each keeps a checkpoint", 1, 20_000)
    heads: int = option(3, "attention heads, of 64 numbers each", 1, 8)
    encoder: int = option(1, "layers that read the places", 0, 6)
    decoder: int = option(2, "layers that write", 1, 6)


@register
class PrefixLMObjective(GridCaptionObjective):
    name = "prefix-lm"
    title = "PrefixLM (SimVLM, VirTex)"
    order = 20
    Config = PrefixLMConfig
    about = r"""**Learned:** a transformer encoder and decoder, words and all, from nothing. The picture's places are the prefix: they see
each other in both directions, and each word sees them and the words before it. **Frozen:** the vision tower (SimVLM and VirTex
train theirs, too; VirTex also writes captions from their end). **Loss** over the tokens $y_1 \dots y_T$ of a caption after the prefix
$v$, $-\frac{1}{T}\sum_t \log p(y_t \mid v, y_{<t})$, the mean over all tokens of the batch. **Papers:**
[SimVLM](https://arxiv.org/abs/2108.10904), [VirTex](https://arxiv.org/abs/2006.06666)."""

    config: PrefixLMConfig

    def network(self) -> PrefixLM:
        return PrefixLM(self.config.heads, self.config.encoder, self.config.decoder)
