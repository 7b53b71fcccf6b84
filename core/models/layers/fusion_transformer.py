"""The embedded question answerer: a small ViLT over the grid of the frozen vision tower (grid features serve VQA as
well as a detector's regions: Jiang et al., arXiv 2001.03615), whose words come from the frozen text tower.

Beside each patch's features stands how much it resembles what the question asks about, so that questions about things
that no training scene held are asked in a language it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel, ViltConfig, ViltForQuestionAnswering
from transformers.modeling_outputs import SequenceClassifierOutput

from core.models.layers.dense_features import CHANNELS, MAPS
from core.models.loading import from_folder

COLOURS = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
SIDES = ("left", "right", "top", "bottom", "middle")
ANSWERS = ("yes", "no", *map(str, range(7)), *COLOURS, *SIDES)
WORDS = 384  # the text tower's width
# A patch is a place of stride 32: its features, then what lies in it at finer strides, unfolded.
ABOUT_PHRASE = 4 * len(MAPS) + 16
PATCH = CHANNELS["stride 32"] + 3 * 16 + ABOUT_PHRASE


class GridReaderConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "grid_reader"

    def __init__(self, hidden_size: int = 128, layers: int = 3, heads: int = 4, **kwargs: Any) -> None:
        self.hidden_size, self.layers, self.heads = hidden_size, layers, heads
        kwargs.setdefault("id2label", dict(enumerate(ANSWERS)))
        super().__init__(**kwargs)


class GridReader(PreTrainedModel):  # type: ignore[misc]
    """words [n, length, WORDS] with mask [n, length]; patches [n, h, w, PATCH] -> logits [n, answers]: those of ANSWERS, and those
    that a reader trained further learned beside them."""

    config_class = GridReaderConfig
    base_model_prefix = "grid_reader"

    def __init__(self, config: GridReaderConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        vilt = ViltConfig(
            vocab_size=1,  # words come as vectors
            hidden_size=width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * width,
            max_position_embeddings=64,
            image_size=32,
            patch_size=32,
            hidden_dropout_prob=0.1,
            attn_implementation="eager",  # its weights are what relevance is read from
            id2label=config.id2label,
        )
        self.vilt = ViltForQuestionAnswering(vilt)
        self.words = nn.Linear(WORDS, width)
        self.scale = nn.LayerNorm(CHANNELS["stride 32"])
        self.patches = nn.Sequential(nn.Linear(PATCH + 4 * FREQUENCIES, width), nn.GELU(), nn.Linear(width, width))
        self.post_init()

    def forward(self, words: Tensor, mask: Tensor, patches: Tensor, **options: Any) -> SequenceClassifierOutput:
        return self.vilt(**self.inputs(words, mask, patches), **options)

    def inputs(self, words: Tensor, mask: Tensor, patches: Tensor) -> dict[str, Tensor]:
        """The transformer's arguments: words and patches as vectors of its width, and which of them are there."""
        seen = CHANNELS["stride 32"]
        n, height, width, _ = patches.shape
        where = positions(height, width).to(patches).expand(n, -1, -1, -1)
        tokens = self.patches(torch.cat([self.scale(patches[..., :seen]), patches[..., seen:], where], -1))
        tokens = tokens.flatten(1, 2)
        return {
            "inputs_embeds": self.words(words),
            "attention_mask": mask,
            "image_embeds": tokens,
            "pixel_mask": torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device),
        }


def shipped(folder: Path) -> GridReader:
    """The reader in a folder, in float32, with weights that relevance and training can have gradients of."""
    with torch.inference_mode(False):
        reader: GridReader = from_folder(GridReader, folder, torch.float32)
    reader.eval()
    return reader


def widened(reader: GridReader, answers: Sequence[str]) -> GridReader:
    """The same reader with further `answers`, to which it gives no more than to the least likely one so far."""
    old = list(reader.config.id2label.values())
    config = GridReaderConfig(
        reader.config.hidden_size, reader.config.layers, reader.config.heads, id2label=dict(enumerate([*old, *answers]))
    )
    wider, weights = GridReader(config), reader.state_dict()
    wider.eval()
    last = "vilt.classifier.3"
    rows, bias = weights[f"{last}.weight"], weights[f"{last}.bias"]
    weights[f"{last}.weight"] = torch.cat([rows, rows.new_zeros(len(answers), rows.shape[1])])
    weights[f"{last}.bias"] = torch.cat([bias, bias.min().expand(len(answers))])
    wider.load_state_dict(weights)
    return wider


FREQUENCIES = 4


def positions(height: int, width: int) -> Tensor:
    """[height, width, 4 * FREQUENCIES]: sines and cosines of a place's two coordinates, each from 0 to 1 across the
    picture whatever its shape."""
    ys, xs = (torch.arange(n).add(0.5).div(n) for n in (height, width))
    waves = torch.pi * 2.0 ** torch.arange(FREQUENCIES)
    grid = torch.stack([ys[:, None].expand(height, width), xs.expand(height, width)], -1)
    angles = (grid[..., None] * waves).flatten(2)
    return torch.cat([angles.sin(), angles.cos()], -1)


def patches(encoding: Mapping[str, Tensor], maps: Tensor, probabilities: Tensor) -> Tensor:
    """[n, h, w, PATCH] for n phrases of one picture: `maps` [n, len(MAPS), 2h, 2w] of `phrase_maps` and the decoder's
    `probabilities` [n, 4h, 4w]."""
    n = len(maps)
    seen = encoding["stride 32"].permute(1, 2, 0).expand(n, -1, -1, -1)
    colours = F.pixel_unshuffle(encoding["colours"][None], 4).permute(0, 2, 3, 1).expand(n, -1, -1, -1)
    return torch.cat([seen, colours, about_phrase(maps, probabilities)], -1)


def about_phrase(maps: Tensor, probabilities: Tensor) -> Tensor:
    """The last ABOUT_PHRASE of a patch's numbers, [n, h, w, ABOUT_PHRASE]."""
    folded = [F.pixel_unshuffle(maps, 2), F.pixel_unshuffle(probabilities[:, None], 4)]
    return torch.cat(folded, 1).permute(0, 2, 3, 1)
