# SPDX-License-Identifier: Apache-2.0

"""PrefixLM: a small transformer is trained from scratch to write captions, with the picture's grid of features as the prefix."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.layers.cross_attention import PrefixLM
from core.training import register
from core.training.objective import Config, option
from core.training.objectives._captioning import GridCaptionObjective


@dataclass(frozen=True)
class PrefixLMConfig(Config):
    steps: int = option(400, "how often the weights are changed", 1, 20_000)
    warmup: int = option(100, "steps until the learning rate is reached; with few, training fails", 0, 5_000)
    eval_every: int = option(100, "steps between two evaluations; each keeps a checkpoint", 1, 20_000)
    heads: int = option(3, "attention heads, each 64 wide", 1, 8)
    encoder: int = option(1, "layers of the encoder, over the grid", 0, 6)
    decoder: int = option(2, "layers of the decoder, over prefix and caption", 1, 6)


@register
class PrefixLMObjective(GridCaptionObjective):
    name = "prefix-lm"
    title = "PrefixLM (SimVLM, VirTex)"
    order = 20
    Config = PrefixLMConfig
    about = r"""**Learned:** a transformer encoder and decoder with their token embeddings, from scratch. The picture's grid of features is the
prefix: its places attend to each other in both directions, and each token attends to them and to the tokens before it.
**Frozen:** the vision tower (SimVLM and VirTex train theirs, too; VirTex also predicts captions backwards). **Loss** over the tokens
$y_1 \dots y_T$ of a caption after the prefix $v$, $-\frac{1}{T}\sum_t \log p(y_t \mid v, y_{<t})$, the mean over all tokens of the
batch. **Papers:** [SimVLM](https://arxiv.org/abs/2108.10904), [VirTex](https://arxiv.org/abs/2006.06666)."""

    config: PrefixLMConfig

    def network(self) -> PrefixLM:
        return PrefixLM(self.config.heads, self.config.encoder, self.config.decoder)
