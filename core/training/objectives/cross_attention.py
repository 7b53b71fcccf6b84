# SPDX-License-Identifier: Apache-2.0

"""Cross-attention fusion: gated layers that attend to the picture, trained between the layers of a frozen language model."""

from __future__ import annotations

from dataclasses import dataclass

from core.models.layers.cross_attention import GATES, GatedCrossAttention
from core.training import register
from core.training.objective import Config, option
from core.training.objectives._captioning import GridCaptionObjective


@dataclass(frozen=True)
class CrossAttentionConfig(Config):
    steps: int = option(400, "how often the weights are changed", 1, 20_000)
    warmup: int = option(100, "steps until the learning rate is reached", 0, 5_000)
    eval_every: int = option(100, "steps between two evaluations; each keeps a checkpoint", 1, 20_000)
    gate: str = option(
        "tanh", "Flamingo's tanh, zero at first, or VisualGPT's self-resurrecting activation unit", of=GATES
    )


@register
class CrossAttention(GridCaptionObjective):
    name = "cross-attention"
    title = "Cross-attention fusion (Flamingo, VisualGPT)"
    order = 40
    Config = CrossAttentionConfig
    about = r"""**Learned:** before each layer of the language model a gated layer that attends to the picture's grid of features $v$. Flamingo's:
$x + \tanh(\alpha)\,\mathrm{attention}(x, v)$, then $+ \tanh(\beta)\,\mathrm{feed}(x)$, with $\alpha = \beta = 0$ at first, so that training
starts from the language model as it is. VisualGPT's: $s\,[s > \tau]\,\mathrm{attention}(x, v) + (1-s)\,[1-s > \tau]\,x$ with $s = \sigma(x)$.
**Frozen:** the vision tower, and the language model. **Loss** over the tokens $y_1 \dots y_T$ of a caption,
$-\frac{1}{T}\sum_t \log p(y_t \mid v, y_{<t})$, the mean over all tokens of the batch. **Papers:**
[Flamingo](https://arxiv.org/abs/2204.14198), [VisualGPT](https://arxiv.org/abs/2102.10407)."""

    config: CrossAttentionConfig

    def network(self) -> GatedCrossAttention:
        return GatedCrossAttention(self.config.gate)
