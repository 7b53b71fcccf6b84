# SPDX-License-Identifier: Apache-2.0

"""The embedded question answerer: a small ViLT over the grid of the frozen vision tower (grid features serve VQA as
well as a detector's regions: Jiang et al., arXiv 2001.03615), whose words come from the frozen text tower.

Beside each patch's features stands how much it resembles what the question asks about, so that questions about objects
that no training scene held come in features that it was trained on.
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

from core.models.layers.answer_words import ANSWERS
from core.models.layers.dense_features import CHANNELS, MAPS
from core.models.loading import from_folder

WORD_FEATURES = 384  # the text tower's width
# A patch is a place of stride 32: its features, then what lies in it at finer strides, unfolded.
PHRASE_FEATURES = 4 * len(MAPS) + 16
PATCH_FEATURES = CHANNELS["stride 32"] + 3 * 16 + PHRASE_FEATURES
FREQUENCIES = 4  # of a place's position


class FusionTransformerConfig(PretrainedConfig):  # type: ignore[misc]
    model_type = "grid_reader"  # as saved checkpoints say

    def __init__(self, hidden_size: int = 128, layers: int = 3, heads: int = 4, **kwargs: Any) -> None:
        self.hidden_size, self.layers, self.heads = hidden_size, layers, heads
        kwargs.setdefault("id2label", dict(enumerate(ANSWERS)))
        super().__init__(**kwargs)


class FusionTransformer(PreTrainedModel):  # type: ignore[misc]
    """words [n, length, WORD_FEATURES] with mask [n, length]; patches [n, h, w, PATCH_FEATURES] -> logits [n, answers]: those
    of ANSWERS, and those that one trained further learned beside them.

    Checkpoints saved before it had this name say "GridReader".
    """

    config_class = FusionTransformerConfig
    base_model_prefix = "grid_reader"

    def __init__(self, config: FusionTransformerConfig) -> None:
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
            attn_implementation="eager",  # the only one that gives its weights, which attribution needs
            id2label=config.id2label,
        )
        self.vilt = ViltForQuestionAnswering(vilt)
        self.words = nn.Linear(WORD_FEATURES, width)
        self.scale = nn.LayerNorm(CHANNELS["stride 32"])
        inside = PATCH_FEATURES + 4 * FREQUENCIES
        self.patches = nn.Sequential(nn.Linear(inside, width), nn.GELU(), nn.Linear(width, width))
        self.post_init()

    def forward(self, words: Tensor, mask: Tensor, patches: Tensor, **options: Any) -> SequenceClassifierOutput:
        return self.vilt(**self.inputs(words, mask, patches), **options)

    def inputs(self, words: Tensor, mask: Tensor, patches: Tensor) -> dict[str, Tensor]:
        """The transformer's arguments: words and patches as vectors of its width, and which of them are there."""
        visual = CHANNELS["stride 32"]
        n, height, width, _ = patches.shape
        where = positions(height, width).to(patches).expand(n, -1, -1, -1)
        tokens = self.patches(torch.cat([self.scale(patches[..., :visual]), patches[..., visual:], where], -1))
        tokens = tokens.flatten(1, 2)
        return {
            "inputs_embeds": self.words(words),
            "attention_mask": mask,
            "image_embeds": tokens,
            "pixel_mask": torch.ones(tokens.shape[:2], dtype=torch.long, device=tokens.device),
        }


def load_fusion_transformer(folder: Path) -> FusionTransformer:
    """In float32, with weights that attribution and training can have gradients of. Raises UserError as `from_folder`."""
    with torch.inference_mode(False):
        model: FusionTransformer = from_folder(FusionTransformer, folder, torch.float32)
    model.eval()
    return model


def with_answers(model: FusionTransformer, answers: Sequence[str]) -> FusionTransformer:
    """The same model with further `answers`, to which it gives no more than to the least likely one so far."""
    old = list(model.config.id2label.values())
    config = FusionTransformerConfig(
        model.config.hidden_size, model.config.layers, model.config.heads, id2label=dict(enumerate([*old, *answers]))
    )
    wider, weights = FusionTransformer(config), model.state_dict()
    wider.eval()
    last = "vilt.classifier.3"
    rows, bias = weights[f"{last}.weight"], weights[f"{last}.bias"]
    weights[f"{last}.weight"] = torch.cat([rows, rows.new_zeros(len(answers), rows.shape[1])])
    weights[f"{last}.bias"] = torch.cat([bias, bias.min().expand(len(answers))])
    wider.load_state_dict(weights)
    return wider


def positions(height: int, width: int) -> Tensor:
    """[height, width, 4 * FREQUENCIES]: sines and cosines of a place's two coordinates, each from 0 to 1 across the
    picture whatever its shape."""
    ys, xs = (torch.arange(n).add(0.5).div(n) for n in (height, width))
    waves = torch.pi * 2.0 ** torch.arange(FREQUENCIES)
    grid = torch.stack([ys[:, None].expand(height, width), xs.expand(height, width)], -1)
    angles = (grid[..., None] * waves).flatten(2)
    return torch.cat([angles.sin(), angles.cos()], -1)


def patch_features(encoding: Mapping[str, Tensor], maps: Tensor, probabilities: Tensor) -> Tensor:
    """[n, h, w, PATCH_FEATURES] for n phrases of one picture: `maps` [n, len(MAPS), 2h, 2w] of `phrase_maps` and the mask
    decoder's `probabilities` [n, 4h, 4w]."""
    n = len(maps)
    visual = encoding["stride 32"].permute(1, 2, 0).expand(n, -1, -1, -1)
    colours = F.pixel_unshuffle(encoding["colours"][None], 4).permute(0, 2, 3, 1).expand(n, -1, -1, -1)
    return torch.cat([visual, colours, phrase_features(maps, probabilities)], -1)


def phrase_features(maps: Tensor, probabilities: Tensor) -> Tensor:
    """The last PHRASE_FEATURES of a patch's numbers, [n, h, w, PHRASE_FEATURES]."""
    folded = [F.pixel_unshuffle(maps, 2), F.pixel_unshuffle(probabilities[:, None], 4)]
    return torch.cat(folded, 1).permute(0, 2, 3, 1)
