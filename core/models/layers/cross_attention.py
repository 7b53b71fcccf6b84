"""A language model that looks at a picture between its layers, through gates that start closed (Flamingo: Alayrac et al., arXiv
2204.14198) or that weigh what is seen against what was read (VisualGPT: Chen et al., arXiv 2102.10407); and the small
encoder-decoder that is trained from nothing on the same parts (SimVLM: Wang et al., arXiv 2108.10904; VirTex: Desai & Johnson,
arXiv 2006.06666)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from core.models.layers.grid_captioner import CHANNELS, GRID, CaptionNetwork, caption_language

GATES = ("tanh", "self-resurrecting")
THRESHOLD = 0.2  # of the self-resurrecting unit, VisualGPT's choice
HEAD = 64  # width of an attention head


class Look(nn.Module):
    """One layer's cross-attention: x [n, length, width] asks, keys and values [n, 2, places, width] answer. `gate` is "tanh",
    "self-resurrecting", or "" for an ordinary residual."""

    def __init__(self, width: int, gate: str) -> None:
        super().__init__()
        self.heads, self.gate = width // HEAD, gate
        self.norm, self.query, self.out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        if gate == "tanh":
            self.feed = nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )
            self.open_look, self.open_feed = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The new x, and the weights [n, heads, length, places]."""
        asking = (self.query(self.norm(x)), *seen.unbind(1))
        query, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in asking)
        weights = (query @ keys.mT / query.shape[-1] ** 0.5).softmax(-1)
        found = self.out((weights @ values).transpose(1, 2).flatten(2))
        if self.gate == "tanh":
            x = x + self.open_look.tanh() * found
            return x + self.open_feed.tanh() * self.feed(x), weights
        return self_resurrecting(x, found) if self.gate else x + found, weights


def self_resurrecting(read: Tensor, found: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """VisualGPT's unit, equations 3 to 5: with s = sigmoid(read), s * [s > threshold] * found + (1 - s) * [1 - s > threshold] * read.
    A gate that the threshold shut on one side may open again, because the other side still moves `read`."""
    visual = read.sigmoid()
    lingual = 1 - visual
    return visual * (visual > threshold) * found + lingual * (lingual > threshold) * read


class LookingLanguage(CaptionNetwork):
    """Each layer of the language model is preceded by a look at the places, which were given the model's width and a position,
    and read by `encoder` layers of self-attention. What is kept of a picture are every layer's keys and values."""

    def __init__(self, language: GPT2LMHeadModel, gate: str, encoder: int, settings: dict[str, object]) -> None:
        super().__init__(**settings)
        self.language = language
        width, layers = language.config.n_embd, language.config.n_layer
        self.norm, self.narrow = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, width)
        self.where = nn.Parameter(0.02 * torch.randn(GRID * GRID, width))
        self.encoder = nn.Sequential(*(_encoder_layer(width) for _ in range(encoder)), nn.LayerNorm(width))
        self.answers = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(layers))
        self.looks = nn.ModuleList(Look(width, gate) for _ in range(layers))

    def see(self, grid: Tensor) -> Tensor:
        """[n, layers, 2, places, width]"""
        places = self.encoder(self.narrow(self.norm(grid)) + self.where)
        return torch.stack([answer(places).unflatten(-1, (2, -1)).transpose(1, 2) for answer in self.answers], 1)

    def read(
        self, seen: Tensor, ids: Tensor, cache: DynamicCache | None = None, looks: list[Tensor] | None = None
    ) -> Tensor:
        model, known, length = (
            self.language.transformer,
            cache.get_seq_length() if cache is not None else 0,
            ids.shape[1],
        )
        x = model.wte(ids) + model.wpe(torch.arange(known, known + length, device=ids.device))
        later = torch.full((length, known + length), torch.finfo(x.dtype).min, device=x.device).triu(known + 1)
        for block, look, kept in zip(model.h, self.looks, seen.unbind(1), strict=True):
            x, weights = look(x, kept)
            x = block(x, past_key_values=cache, attention_mask=later[None, None])
            if looks is not None:
                looks.append(weights)
        logits: Tensor = self.language.lm_head(model.ln_f(x))
        return logits

    def places(self, grid: Tensor, ids: Tensor) -> Tensor:
        """The attention of each word to the places, mean over layers and heads."""
        looks: list[Tensor] = []
        self.read(self.see(grid), ids, looks=looks)
        return torch.stack(looks).mean((0, 2))


class GatedCrossAttention(LookingLanguage):
    """Looks put into the frozen caption language model."""

    def __init__(self, gate: str) -> None:
        super().__init__(caption_language(), gate, 0, {"gate": gate})


class PrefixLM(LookingLanguage):
    """All of it new: the places are the prefix, which is read in both directions, and GPT-2's kind of decoder writes from left
    to right. Of the caption language model it has the vocabulary only."""

    def __init__(self, heads: int, encoder: int, decoder: int) -> None:
        settings: dict[str, object] = {"heads": heads, "encoder": encoder, "decoder": decoder}
        super().__init__(_new_language(heads, decoder), "", encoder, settings)


def _encoder_layer(width: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        width, width // HEAD, 4 * width, dropout=0.0, activation=F.gelu, batch_first=True, norm_first=True
    )


def _new_language(heads: int, layers: int) -> GPT2LMHeadModel:
    known = caption_language().config
    config = GPT2Config(
        vocab_size=known.vocab_size,
        n_positions=known.n_positions,
        n_embd=heads * HEAD,
        n_layer=layers,
        n_head=heads,
        bos_token_id=known.eos_token_id,
        eos_token_id=known.eos_token_id,
        attn_implementation="eager",
    )
    return GPT2LMHeadModel(config)
