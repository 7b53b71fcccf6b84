# SPDX-License-Identifier: Apache-2.0

"""A language model that attends to a picture between its layers, through gates that start closed (Flamingo: Alayrac et al.,
arXiv 2204.14198) or that weigh vision against language (VisualGPT: Chen et al., arXiv 2102.10407); and the small
encoder-decoder that is trained from nothing on the same parts (SimVLM: Wang et al., arXiv 2108.10904; VirTex: Desai & Johnson,
arXiv 2006.06666).

Names of submodules and parameters are those of saved checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from core.models.layers.grid_captioner import CHANNELS, GRID, CaptionNetwork, caption_language

GATES = ("tanh", "self-resurrecting")
THRESHOLD = 0.2  # of the self-resurrecting unit, VisualGPT's choice
HEAD_WIDTH = 64


class CrossAttention(nn.Module):
    """One layer: x [n, length, width] gives the queries, keys and values [n, 2, places, width] are the picture's. `gate` is
    "tanh", "self-resurrecting", or "" for an ordinary residual."""

    def __init__(self, width: int, gate: str) -> None:
        super().__init__()
        self.heads, self.gate = width // HEAD_WIDTH, gate
        self.norm, self.query, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        if gate == "tanh":
            self.feed = nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )
            self.open_look, self.open_feed = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, keys_values: Tensor) -> tuple[Tensor, Tensor]:
        """The new x, and the attention weights [n, heads, length, places]."""
        parts = (self.query(self.norm(x)), *keys_values.unbind(1))
        query, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        weights = (query @ keys.mT / query.shape[-1] ** 0.5).softmax(-1)
        attended = self.out((weights @ values).transpose(1, 2).flatten(2))
        if self.gate == "tanh":
            x = x + self.open_look.tanh() * attended
            return x + self.open_feed.tanh() * self.feed(x), weights
        return self_resurrecting(x, attended) if self.gate else x + attended, weights


def self_resurrecting(x: Tensor, attended: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """VisualGPT's unit, equations 3 to 5: with s = sigmoid(x), s * [s > threshold] * attended + (1 - s) * [1 - s > threshold] * x.
    A gate that the threshold shut on one side may open again, because the other side still moves x."""
    visual = x.sigmoid()
    lingual = 1 - visual
    return visual * (visual > threshold) * attended + lingual * (lingual > threshold) * x


class CrossAttentionCaptioner(CaptionNetwork):
    """Each layer of the language model is preceded by cross-attention to the places, which are given the model's width and a
    position, and go through `encoder` layers of self-attention. A picture's encoding are every layer's keys and values."""

    def __init__(self, language: GPT2LMHeadModel, gate: str, encoder: int, settings: dict[str, object]) -> None:
        super().__init__(**settings)
        self.language = language
        width, layers = language.config.n_embd, language.config.n_layer
        self.norm, self.narrow = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, width)
        self.where = nn.Parameter(0.02 * torch.randn(GRID * GRID, width))
        self.encoder = nn.Sequential(*(_encoder_layer(width) for _ in range(encoder)), nn.LayerNorm(width))
        self.answers = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(layers))
        self.looks = nn.ModuleList(CrossAttention(width, gate) for _ in range(layers))

    def encode(self, grid: Tensor) -> Tensor:
        """[n, layers, 2, places, width]: keys and values."""
        places = self.encoder(self.narrow(self.norm(grid)) + self.where)
        return torch.stack([project(places).unflatten(-1, (2, -1)).transpose(1, 2) for project in self.answers], 1)

    def logits(
        self, encoding: Tensor, ids: Tensor, cache: DynamicCache | None = None, attentions: list[Tensor] | None = None
    ) -> Tensor:
        """As `CaptionNetwork.logits`; each layer of the language model comes after its cross-attention."""
        model, length = self.language.transformer, ids.shape[1]
        past = cache.get_seq_length() if cache is not None else 0
        x = model.wte(ids) + model.wpe(torch.arange(past, past + length, device=ids.device))
        causal = torch.full((length, past + length), torch.finfo(x.dtype).min, device=x.device).triu(past + 1)
        for block, attend, keys_values in zip(model.h, self.looks, encoding.unbind(1), strict=True):
            x, weights = attend(x, keys_values)
            x = block(x, past_key_values=cache, attention_mask=causal[None, None])
            if attentions is not None:
                attentions.append(weights)
        found: Tensor = self.language.lm_head(model.ln_f(x))
        return found

    def attribution(self, grid: Tensor, ids: Tensor) -> Tensor:
        """The attention of each word to the places, mean over layers and heads."""
        attentions: list[Tensor] = []
        self.logits(self.encode(grid), ids, attentions=attentions)
        return torch.stack(attentions).mean((0, 2))


class GatedCrossAttention(CrossAttentionCaptioner):
    """Cross-attention put into the frozen caption language model."""

    def __init__(self, gate: str) -> None:
        super().__init__(caption_language(), gate, 0, {"gate": gate})


class PrefixLM(CrossAttentionCaptioner):
    """All of it new: the places are the prefix, which is read in both directions, and GPT-2's kind of decoder writes from left
    to right. Of the caption language model it has the vocabulary only."""

    def __init__(self, heads: int, encoder: int, decoder: int) -> None:
        settings: dict[str, object] = {"heads": heads, "encoder": encoder, "decoder": decoder}
        super().__init__(_new_language(heads, decoder), "", encoder, settings)


def _encoder_layer(width: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, width // HEAD_WIDTH, 4 * width, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
    )


def _new_language(heads: int, layers: int) -> GPT2LMHeadModel:
    shipped = caption_language().config
    config = GPT2Config(
        vocab_size=shipped.vocab_size,
        n_positions=shipped.n_positions,
        n_embd=heads * HEAD_WIDTH,
        n_layer=layers,
        n_head=heads,
        bos_token_id=shipped.eos_token_id,
        eos_token_id=shipped.eos_token_id,
        attn_implementation="eager",
    )
    return GPT2LMHeadModel(config)
