# SPDX-License-Identifier: Apache-2.0

"""How much each patch went into an answer: attention weighted by its gradient, followed through the layers.

Chefer et al., 2021, arXiv 2103.15679, section 3, for a model of one stream: words and patches in one sequence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from core.models.abilities import Attribution

if TYPE_CHECKING:
    from torch import Tensor

WORD = re.compile(r"\w+(?:['’-]\w+)*")
SHUFFLE_SEED = 0


def single_stream_attribution(logit: Tensor, attentions: Sequence[Tensor]) -> Tensor:
    """[n, n] float32: how much token j contributed to this logit through token i, over all layers (the paper's relevancy).

    `logit` is a scalar, `attentions` each layer's [1, heads, n, n], first to last, of the graph that led to it.
    R starts as the identity; each layer adds (mean over heads of relu(gradient * attention)) @ R.
    """
    import torch

    gradients = torch.autograd.grad(logit, attentions)
    attribution = torch.eye(attentions[0].shape[-1], device=logit.device)
    for attention, gradient in zip(attentions, gradients, strict=True):
        weighted = (gradient.float() * attention.detach().float()).clamp_min(0).mean(1)[0]
        attribution = attribution + weighted @ attribution
    return attribution


def word_maps(attribution: Tensor, text: str, offsets: Sequence[Sequence[int]], grid: tuple[int, int]) -> Attribution:
    """A map for each word of `text` from `attribution` [n, n], whose last h * w tokens are the patches, row by row.

    `offsets` [tokens, 2] are the characters that each token of the text stands for, as a tokenizer returns them
    (0, 0 for [CLS] and the like). A word's pieces are averaged, then each map is divided by its largest value.
    """
    import torch

    height, width = grid
    words, maps = [], []
    for word in WORD.finditer(text):
        pieces = [n for n, (start, end) in enumerate(offsets) if word.start() <= start < end <= word.end()]
        if pieces:  # none where the question was cut
            words.append(word[0])
            maps.append(attribution[pieces, -height * width :].mean(0).reshape(height, width))
    if not maps:
        return Attribution([], torch.zeros(0, height, width))
    stack = torch.stack(maps)
    return Attribution(words, (stack / stack.amax((1, 2), keepdim=True).clamp_min(1e-30)).float().cpu())


def without_spaces(text: str, offsets: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Offsets of tokens of GPT-2's kind, which begin with the space before a word, without that space."""
    return [(end - len(text[start:end].lstrip()), end) for start, end in offsets]


def shuffled_copy(model: Any) -> Any:
    """A copy of the module in which nothing learned is left: the entries of each weight are in another order, always the same
    one (Adebayo et al., arXiv 1810.03292). It is as large as the model; drop it after use."""
    import torch

    copy = deepcopy(model)
    generator = torch.Generator().manual_seed(SHUFFLE_SEED)
    with torch.no_grad():
        for weight in copy.parameters():
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].reshape(weight.shape))
    return copy
