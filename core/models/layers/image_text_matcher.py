"""The fusion transformer as a matcher: does this text describe this picture, and which word is hidden in it? Trained by the two
losses of FLAVA and ViLT, it starts from the shipped reader and from what the embedded pair says of picture and text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

from core.models.layers.asif import relative
from core.models.layers.dense_features import DEPTHS, MAPS, SIDES, pixels
from core.models.layers.fusion_transformer import (
    ABOUT_PHRASE,
    WORDS,
    GridReader,
    GridReaderConfig,
    about_phrase,
    patches,
    shipped,
)

SIDE = 320  # pixels; pictures are made square, so that every one is GRID x GRID patches
GRID = SIDE // 32


class GridMatcher(GridReader):
    """P(the text describes the picture) = sigmoid(head + slope * similarity + bias). The similarity is the mean of two cosines
    of the embedded pair: of the text with the whole picture, and with the place that resembles it most."""

    def __init__(self, config: GridReaderConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.vilt.classifier = nn.Identity()  # of the reader's answers
        self.match = nn.Linear(width, 1)
        self.presence = nn.Parameter(torch.zeros(2))
        self.word = nn.Sequential(nn.Linear(width, WORDS), nn.GELU(), nn.LayerNorm(WORDS))

    def read(self, words: Tensor, mask: Tensor, patches: Tensor, similarity: Tensor) -> tuple[Tensor, Tensor]:
        """words [n, length, WORDS] with mask [n, length], patches [n, GRID, GRID, PATCH], similarity [n] -> what it made of
        each word [n, length, hidden_size], and the logit of a match [n]."""
        found = self.vilt.vilt(**self.inputs(words, mask, patches))
        slope, bias = self.presence
        match = self.match(found.pooler_output)[:, 0] + slope * similarity + bias
        return found.last_hidden_state[:, : words.shape[1]], match

    def guess(self, hidden: Tensor, table: Tensor) -> Tensor:
        """[n, vocabulary] logits of hidden words from [n, hidden_size], by the vectors of all words, [vocabulary, WORDS]."""
        return self.word(hidden) @ table.T  # type: ignore[no-any-return]


def fresh(reader: Path, presence: tuple[float, float]) -> GridMatcher:
    """The reader in a folder with heads of its own for both losses; what it says of a match is at first `presence`."""
    old = shipped(reader)
    labels = {0: "no match", 1: "match"}
    config = GridReaderConfig(old.config.hidden_size, old.config.layers, old.config.heads, id2label=labels)
    model = GridMatcher(config)
    model.eval()
    model.load_state_dict({k: v for k, v in old.state_dict().items() if "classifier" not in k}, strict=False)
    with torch.no_grad():
        nn.init.zeros_(model.match.weight)
        nn.init.zeros_(model.match.bias)
        model.presence.copy_(torch.tensor(presence))
    return model


def grid(tower: Any, anchors: Tensor, image: Image.Image) -> tuple[Tensor, Tensor]:
    """[1, GRID, GRID, PATCH], features and colours of each place, with nothing said yet of what it resembles; and
    [1, GRID, GRID, anchors], each place's relative representation."""
    view = pixels(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), SIDE).to(anchors.device)
    seen = tower(view, output_hidden_states=True)
    encoding = {"stride 32": seen.hidden_states[DEPTHS["stride 32"]][0], "colours": avg_pool2d(view, 8)[0]}
    maps, found = view.new_zeros(1, len(MAPS), 2 * GRID, 2 * GRID), view.new_zeros(1, 4 * GRID, 4 * GRID)
    places = normalize(seen.last_hidden_state[0].flatten(1).T, dim=1)
    return patches(encoding, maps, found), relative(places, anchors).view(1, GRID, GRID, -1)


def grounded(patches: Tensor, places: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """The patches with how much each place resembles its row's `text` [n, anchors], and the largest of these [n]. For words
    that are hidden it would give them away."""
    near = torch.einsum("nhwa,na->nhw", places, text)
    maps = near.new_zeros(len(near), len(MAPS), 2 * GRID, 2 * GRID)
    maps[:, : len(SIDES)] = near.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None]
    about = about_phrase(maps, near.new_zeros(len(near), 4 * GRID, 4 * GRID))
    return torch.cat([patches[..., :-ABOUT_PHRASE], about], -1), near.flatten(1).amax(1)
