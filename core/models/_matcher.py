"""The fusion transformer as a matcher: does this text describe this picture, and which word is hidden in it? Trained by the two
losses of FLAVA and ViLT, it starts from the shipped reader and from what the embedded pair says of picture and text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from core.models._dense import DEPTHS, MAPS, pixels
from core.models._reader import WORDS, GridReader, GridReaderConfig, patches, shipped

SIDE = 320  # pixels; pictures are made square, so that every one is GRID x GRID patches
GRID = SIDE // 32


class GridMatcher(GridReader):
    """P(the text describes the picture) = sigmoid(head + slope * cosine + bias), with the embedded pair's cosine of both."""

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


def grid(tower: Any, image: Image.Image, device: torch.device) -> Tensor:
    """[1, GRID, GRID, PATCH]: features and colours of each place. What it resembles of a phrase is left empty: a hidden word
    would be given away."""
    view = pixels(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), SIDE).to(device)
    seen = tower(view, output_hidden_states=True).hidden_states[DEPTHS["stride 32"]][0]
    encoding = {"stride 32": seen, "colours": avg_pool2d(view, 8)[0]}
    maps, found = view.new_zeros(1, len(MAPS), 2 * GRID, 2 * GRID), view.new_zeros(1, 4 * GRID, 4 * GRID)
    return patches(encoding, maps, found)
