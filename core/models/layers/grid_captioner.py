# SPDX-License-Identifier: Apache-2.0

"""What the captioners have in common that are trained here: the frozen vision tower's grid of features, a language model that
reads something of it, and beam search."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoTokenizer, DynamicCache, GPT2LMHeadModel

from core.assets import CAPTIONER_FOLDER
from core.errors import UserError
from core.models.layers.beam_search import CAPTION_TOKENS
from core.models.layers.towers import pixel_tensor
from core.models.loading import from_folder, hide_progress

VIEW, GRID, CHANNELS = 288, 9, 1280  # pixels to a side, places to a side, features of a place
IGNORED = -100  # a place in a batch of tokens where there is none


def grid_features(tower: Any, image: Image.Image) -> Tensor:
    """[GRID * GRID, CHANNELS], row by row: the tower's features at stride 32 of the whole picture, made square."""
    pixels = pixel_tensor(image.convert("RGB").resize((VIEW, VIEW), Image.Resampling.BICUBIC))
    features: Tensor = tower(pixels.to(next(tower.parameters()).device)).last_hidden_state
    return features[0].flatten(1).T


def caption_language() -> GPT2LMHeadModel:
    """The caption language model, frozen. Its attention is eager, the only one that gives its weights."""
    hide_progress()
    with torch.inference_mode(False):
        language = from_folder(GPT2LMHeadModel, CAPTIONER_FOLDER, torch.float32)
    language.set_attn_implementation("eager")
    return language.requires_grad_(False).eval()


def caption_tokenizer() -> Any:
    """That of `caption_language`."""
    return AutoTokenizer.from_pretrained(CAPTIONER_FOLDER, local_files_only=True)


class CaptionNetwork(nn.Module, ABC):
    """A language model that reads something of a picture's grid [n, GRID * GRID, CHANNELS]. Tokens `ids` [n, length] begin with
    the one that ends a caption, too. There is no dropout: a batch read in parts then gives the same gradient."""

    language: GPT2LMHeadModel

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings

    @abstractmethod
    def encode(self, grid: Tensor) -> Tensor:
        """[n, ...]: all that the language model will read of the pictures."""

    @abstractmethod
    def logits(
        self, encoding: Tensor, ids: Tensor, cache: DynamicCache | None = None, attentions: list[Tensor] | None = None
    ) -> Tensor:
        """[n, length, vocabulary] of the token after each of `ids`; with a `cache` that holds those before them, and grows.
        To `attentions` are added each layer's weights from the tokens to the encoding, [n, heads, length, what]."""

    @abstractmethod
    def attribution(self, grid: Tensor, ids: Tensor) -> Tensor:
        """[n, length, GRID * GRID], 0 or more: how much each place went into the token after each of `ids`."""

    def forward(self, grid: Tensor, ids: Tensor) -> Tensor:
        return self.logits(self.encode(grid), ids)

    def trained(self) -> dict[str, Tensor]:
        """By name, without what is frozen and comes with the app."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def train(self, mode: bool = True) -> CaptionNetwork:
        """The language model's dropout stays off, too."""
        super().train(mode)
        self.language.eval()
        return self


def save_network(network: CaptionNetwork, folder: Path) -> None:
    """config.json, and of the weights those that were trained."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.trained().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    frozen = {"vision": "embedded", "language": "assets/captioner"}  # come with the app
    config = {"architectures": [type(network).__name__], "settings": network.settings, "frozen": frozen}
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def load_network(kinds: Sequence[type[CaptionNetwork]], folder: Path) -> CaptionNetwork:
    """Raises UserError where the folder's weights are not just those that such a network trains."""
    config = json.loads((folder / "config.json").read_text())
    kind = next(kind for kind in kinds if kind.__name__ in config["architectures"])
    with torch.inference_mode(False):
        network = kind(**config["settings"])
        weights, wanted = load_file(folder / "model.safetensors"), network.trained()
        if {name: w.shape for name, w in weights.items()} != {name: w.shape for name, w in wanted.items()}:
            raise UserError(f"The weights in {folder.name!r} are not those of a {kind.__name__}. Train it again.")
        network.load_state_dict(weights, strict=False)
    return network.requires_grad_(False).eval()


@torch.no_grad()
def beam_search(network: CaptionNetwork, grid: Tensor, beams: int = 1) -> list[list[tuple[list[int], float]]]:
    """For each of n grids `beams` captions, likeliest first: their tokens, and the sum of these' log-probabilities. One beam is
    the greedy caption. A caption has at least one token and at most CAPTION_TOKENS."""
    n, end = len(grid), int(network.language.config.eos_token_id)
    encoding = network.encode(grid).repeat_interleave(beams, 0)
    ids = torch.full((n * beams, 1), end, device=grid.device)
    scores = torch.tensor([0.0] + [float("-inf")] * (beams - 1), device=grid.device).repeat(n, 1)  # first all are alike
    first, done = torch.arange(n, device=grid.device)[:, None] * beams, torch.zeros_like(ids[:, 0], dtype=torch.bool)
    cache = DynamicCache(config=network.language.config)
    for step in range(CAPTION_TOKENS):
        log = network.logits(encoding, ids[:, -1:], cache)[:, -1].float().log_softmax(-1)
        if step == 0:
            log[:, end] = float("-inf")
        log[done] = float("-inf")  # after its end a caption only goes on ending
        log[done, end] = 0.0
        total = (scores.flatten()[:, None] + log).view(n, -1)
        scores, best = total.topk(beams)
        parents, tokens = (first + best // log.shape[1]).flatten(), (best % log.shape[1]).flatten()
        cache.reorder_cache(parents)
        ids = torch.cat([ids[parents], tokens[:, None]], 1)
        done = done[parents] | (tokens == end)
        if done.all():
            break
    rows = [row[: row.index(end)] if end in row else row for row in ids[:, 1:].tolist()]
    found = list(zip(rows, scores.flatten().tolist(), strict=True))
    return [found[start : start + beams] for start in range(0, n * beams, beams)]
