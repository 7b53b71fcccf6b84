# SPDX-License-Identifier: Apache-2.0

"""The fusion transformer as a matcher: does this text describe this picture, and which word is masked in it? Trained by the two
losses of FLAVA and ViLT, it starts from the fusion transformer that ships and from the embedded pair's similarity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

from core.models.layers.asif import relative
from core.models.layers.dense_features import DEPTHS, INPUT_SIZES, MAPS, pixels
from core.models.layers.fusion_transformer import (
    PHRASE_FEATURES,
    WORD_FEATURES,
    FusionTransformer,
    FusionTransformerConfig,
    load_fusion_transformer,
    patch_features,
    phrase_features,
)

INPUT_SIDE = 320  # pixels; pictures are made square, so that every one is PATCH_GRID x PATCH_GRID patches
PATCH_GRID = INPUT_SIDE // 32


class ImageTextMatcher(FusionTransformer):
    """P(the text describes the picture) = sigmoid(head + slope * similarity + bias). The similarity is the mean of two cosines
    of the embedded pair: of the text with the whole picture, and with the place that resembles it most.

    Checkpoints saved before it had this name say "GridMatcher".
    """

    def __init__(self, config: FusionTransformerConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.vilt.classifier = nn.Identity()  # of answers
        self.match = nn.Linear(width, 1)
        self.presence = nn.Parameter(torch.zeros(2))
        self.word = nn.Sequential(nn.Linear(width, WORD_FEATURES), nn.GELU(), nn.LayerNorm(WORD_FEATURES))

    def fuse(self, words: Tensor, mask: Tensor, patches: Tensor, similarity: Tensor) -> tuple[Tensor, Tensor]:
        """words [n, length, WORD_FEATURES] with mask [n, length], patches [n, PATCH_GRID, PATCH_GRID, PATCH_FEATURES], similarity [n] ->
        hidden states of the words [n, length, hidden_size], and the logit of a match [n]."""
        outputs = self.vilt.vilt(**self.inputs(words, mask, patches))
        slope, bias = self.presence
        match = self.match(outputs.pooler_output)[:, 0] + slope * similarity + bias
        return outputs.last_hidden_state[:, : words.shape[1]], match

    def word_logits(self, hidden: Tensor, table: Tensor) -> Tensor:
        """[n, vocabulary] for masked words, from their hidden states [n, hidden_size] and the vectors of all words,
        [vocabulary, WORD_FEATURES]."""
        return self.word(hidden) @ table.T  # type: ignore[no-any-return]


def new_matcher(folder: Path, presence: tuple[float, float]) -> ImageTextMatcher:
    """The fusion transformer in a folder with new heads for both losses; its logit of a match is at first `presence`'s."""
    old = load_fusion_transformer(folder)
    labels = {0: "no match", 1: "match"}
    config = FusionTransformerConfig(old.config.hidden_size, old.config.layers, old.config.heads, id2label=labels)
    model = ImageTextMatcher(config)
    model.eval()
    model.load_state_dict({k: v for k, v in old.state_dict().items() if "classifier" not in k}, strict=False)
    with torch.no_grad():
        nn.init.zeros_(model.match.weight)
        nn.init.zeros_(model.match.bias)
        model.presence.copy_(torch.tensor(presence))
    return model


def image_patches(tower: Any, anchors: Tensor, image: Image.Image) -> tuple[Tensor, Tensor]:
    """[1, PATCH_GRID, PATCH_GRID, PATCH_FEATURES], features and colours of each place, with zeros for its resemblance to a phrase; and
    [1, PATCH_GRID, PATCH_GRID, anchors], each place's relative representation."""
    view = pixels(image.resize((INPUT_SIDE, INPUT_SIDE), Image.Resampling.BICUBIC), INPUT_SIDE).to(anchors.device)
    outputs = tower(view, output_hidden_states=True)
    encoding = {"stride 32": outputs.hidden_states[DEPTHS["stride 32"]][0], "colours": avg_pool2d(view, 8)[0]}
    maps, masks = (
        view.new_zeros(1, len(MAPS), 2 * PATCH_GRID, 2 * PATCH_GRID),
        view.new_zeros(1, 4 * PATCH_GRID, 4 * PATCH_GRID),
    )
    places = normalize(outputs.last_hidden_state[0].flatten(1).T, dim=1)
    return patch_features(encoding, maps, masks), relative(places, anchors).view(1, PATCH_GRID, PATCH_GRID, -1)


def with_similarity(patches: Tensor, places: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """The patches with how much each place resembles its row's `text` [n, anchors], and the largest of these [n]. Not for
    masked words, which it would give away."""
    similar = torch.einsum("nhwa,na->nhw", places, text)
    maps = similar.new_zeros(len(similar), len(MAPS), 2 * PATCH_GRID, 2 * PATCH_GRID)
    maps[:, : len(INPUT_SIZES)] = similar.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None]
    about = phrase_features(maps, similar.new_zeros(len(similar), 4 * PATCH_GRID, 4 * PATCH_GRID))
    return torch.cat([patches[..., :-PHRASE_FEATURES], about], -1), similar.flatten(1).amax(1)
