# SPDX-License-Identifier: Apache-2.0

"""An open list of everyday words for objects, ranked by how much they resemble a picture and how common they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from core.assets import VQA_FOLDER
from core.models.embedded.anchors import Anchors

if TYPE_CHECKING:
    from torch import Tensor

# A word's logit is SIMILARITY_SCALE * similarity + log(count + COUNT_SMOOTHING), where count says how often captions use
# it. Of the settings that name the demo gallery's objects best, the one that weighs the counts most: a photograph of
# something common is likelier than one of its rare cousin.
SIMILARITY_SCALE, COUNT_SMOOTHING = 16.0, 30


class Vocabulary:
    """The words' vectors are computed once, when first needed."""

    def __init__(self, anchors: Anchors) -> None:
        self.anchors = anchors

    def logits(self, representation: Tensor, words: Mapping[str, int]) -> Tensor:
        """[len(words)] logits of open words, given with their counts, for a picture or a part of it [anchors]."""
        import torch

        similar = torch.stack([self._vectors[word] for word in words]) @ representation
        counts = torch.tensor([float(count) for count in words.values()], device=similar.device)
        return SIMILARITY_SCALE * similar + (counts + COUNT_SMOOTHING).log()

    @cached_property
    def _vectors(self) -> dict[str, Tensor]:
        words = [row["word"] for row in open_words()]
        return dict(zip(words, self.anchors.phrase_vectors(words), strict=True))


def candidates(category: str) -> dict[str, int]:
    """The words that may answer "what CATEGORY is this?", with their counts: those listed under it, or all."""
    wanted = category.split()[-1] if category else ""
    listed = {row["word"]: row["count"] for row in open_words() if wanted in row["kinds"]}
    return listed or {row["word"]: row["count"] for row in open_words()}


def siblings(word: str) -> dict[str, int]:
    """Open words of a category that `word` is in, too, with their counts; without itself and without its categories."""
    categories = {row["word"]: set(row["kinds"]) for row in open_words()}
    own = categories.get(word, set())
    others = {name for name, its in categories.items() if own & its - {word}} - {word, *own}
    return {row["word"]: row["count"] for row in open_words() if row["word"] in others}


@lru_cache(maxsize=1)
def open_words() -> list[dict[str, Any]]:
    """{"word", "kinds": the categories it belongs to, "count": how often captions use it}."""
    rows: list[dict[str, Any]] = json.loads((VQA_FOLDER / "words.json").read_text())
    return rows
