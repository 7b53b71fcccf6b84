# SPDX-License-Identifier: Apache-2.0

"""A mapping network into the frozen caption language model: what it makes of a picture stands before the caption like words that
nobody wrote (Frozen: Tsimpoukelli et al., arXiv 2106.13884; ClipCap: Mokady et al., arXiv 2111.09734).

Names of submodules and parameters are those of saved checkpoints.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from core.models.layers.grid_captioner import CHANNELS, GRID, CaptionNetwork, caption_language

MAPPINGS = ("mlp", "resampler")


class MeanMapping(nn.Module):
    """ClipCap's multilayer perceptron, here from the mean of the places: [n, places, CHANNELS] -> [n, slots, width]."""

    def __init__(self, slots: int, width: int) -> None:
        super().__init__()
        self.slots = slots
        inner = slots * width // 2
        self.norm = nn.LayerNorm(CHANNELS)
        self.layers = nn.Sequential(nn.Linear(CHANNELS, inner), nn.Tanh(), nn.Linear(inner, slots * width))

    def forward(self, grid: Tensor) -> Tensor:
        mapped: Tensor = self.layers(self.norm(grid.mean(1)))
        return mapped.view(len(grid), self.slots, -1)


class Resampler(nn.Module):
    """Flamingo's Perceiver resampler (Alayrac et al., arXiv 2204.14198, figure 5): `slots` learned queries attend to the places
    and to each other. MAPL (Mañas et al., arXiv 2210.07179) has queries of this kind, too. [n, places, CHANNELS] -> [n, slots, width].

    After a call the last layer's attention to the places is in `attention` [n, slots, places], the mean over the heads."""

    def __init__(self, slots: int, width: int, layers: int) -> None:
        super().__init__()
        self.norm, self.narrow = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, width)
        self.where = nn.Parameter(0.02 * torch.randn(GRID * GRID, width))
        self.queries = nn.Parameter(0.02 * torch.randn(slots, width))
        self.layers = nn.ModuleList(ResamplerLayer(width) for _ in range(layers))
        self.out = nn.LayerNorm(width)

    def forward(self, grid: Tensor) -> Tensor:
        places = self.narrow(self.norm(grid)) + self.where
        slots = self.queries.expand(len(grid), -1, -1)
        for layer in self.layers:
            slots, weights = layer(slots, places)
        self.attention = weights[..., : places.shape[1]].detach()
        found: Tensor = self.out(slots)
        return found


class ResamplerLayer(nn.Module):
    """x + attention(queries x, keys and values of the places and of x), then + feed-forward; each after a normalisation."""

    def __init__(self, width: int, heads: int = 5) -> None:
        super().__init__()
        self.norm_slots, self.norm_places = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, slots: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        queries = self.norm_slots(slots)
        keys_values = torch.cat([self.norm_places(places), queries], 1)
        attended, weights = self.attention(queries, keys_values, keys_values)
        slots = slots + attended
        return slots + self.feed(slots), weights


class FrozenPrefix(CaptionNetwork):
    """`slots` vectors before the first word. They stand at its position, so that the words keep the positions that the language
    model knows them at."""

    def __init__(self, mapping: str, slots: int, layers: int) -> None:
        super().__init__(mapping=mapping, slots=slots, layers=layers)
        self.language = caption_language()
        width = self.language.config.n_embd
        self.mapping = MeanMapping(slots, width) if mapping == "mlp" else Resampler(slots, width, layers)

    def encode(self, grid: Tensor) -> Tensor:
        """[n, slots, width]: the prefix."""
        found: Tensor = self.mapping(grid)
        return found

    def logits(
        self, encoding: Tensor, ids: Tensor, cache: DynamicCache | None = None, attentions: list[Tensor] | None = None
    ) -> Tensor:
        slots, past = encoding.shape[1], cache.get_seq_length() if cache is not None else 0
        words_before = max(0, past - slots)
        inputs = self.language.transformer.wte(ids)
        positions = torch.arange(words_before, words_before + ids.shape[1], device=ids.device)
        if not past:
            inputs = torch.cat([encoding, inputs], 1)
            positions = torch.cat([positions.new_zeros(slots), positions])
        output: Any = self.language.transformer(
            inputs_embeds=inputs,
            position_ids=positions[None],
            # Without it the positions would be taken for those of several short texts.
            attention_mask=ids.new_ones(len(ids), past + inputs.shape[1]),
            past_key_values=cache,
            use_cache=cache is not None,
            output_attentions=attentions is not None,
        )
        if attentions is not None:
            attentions += [weights[:, :, -ids.shape[1] :, :slots] for weights in output.attentions]
        found: Tensor = self.language.lm_head(output.last_hidden_state[:, -ids.shape[1] :])
        return found

    def attribution(self, grid: Tensor, ids: Tensor) -> Tensor:
        """With the resampler: the words' attention to the slots, mean over layers and heads, times the slots' attention to the
        places in the resampler's last layer. With the perceptron nothing attends to places; there it is what Grad-CAM
        (Selvaraju et al., arXiv 1610.02391) gives for the mean: how much each place adds to the word's logit, to first order,
        where it adds."""
        if isinstance(self.mapping, Resampler):
            attentions: list[Tensor] = []
            self.logits(self.encode(grid), ids, attentions=attentions)
            through: Tensor = torch.stack(attentions).mean((0, 2)) @ self.mapping.attention
            return through
        with torch.inference_mode(False), torch.enable_grad():
            grid, ids = grid.clone().requires_grad_(), ids.clone()
            logits = self(grid, ids)
            following = torch.cat([ids[:, 1:], logits[:, -1:].argmax(-1)], 1)
            chosen = logits.gather(2, following[..., None]).sum(0)[:, 0]
            maps = [torch.autograd.grad(logit, grid, retain_graph=True)[0] * grid for logit in chosen]
        return torch.stack([found.detach().sum(-1).clamp_min(0) for found in maps], 1)
