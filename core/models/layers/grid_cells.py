# SPDX-License-Identifier: Apache-2.0

"""Question answering by models that were published without a vision tower of their own and expect a detector's regions: grid
cells of the embedded vision tower take their place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL.Image import Image

from core.models.abilities import Answerer
from core.models.layers.top_answers import top_answers
from core.models.layers.towers import text_folder, views, vision_tower
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CELLS_NOTE = "gets grid cells of EfficientNet-Lite0 where it was trained with a detector's regions, so its published weights answer poorly"
NUMBERS_NOTE = "names its answers by number only, because the checkpoint has no words for them"


class GridCellAnswerer(Answerer):
    """A model of `transformers` and a BERT tokenizer. Confidences are the softmax over its answers. The vision tower stays
    float32. `model_class` is the model's name, `cell_width` that of its setting for the width of a region's features."""

    model_class: ClassVar[str]
    cell_width: ClassVar[str]

    def __init__(self, model: Any, tokenizer: Any, tower: Any) -> None:
        self.model, self.tokenizer, self.vision_tower = model, tokenizer, tower

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> GridCellAnswerer:
        import transformers

        model = from_folder(getattr(transformers, cls.model_class), path, dtype).to(device).eval()
        return cls(model, bert_tokenizer(path), vision_tower().to(device).eval())

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.vision_tower)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`cells` [1, h, w, the model's width]: the tower's features, followed by zeros."""
        from torch.nn.functional import pad

        cells = grid_cells(self.vision_tower, image)
        return {"cells": pad(cells, (0, getattr(self.model.config, self.cell_width) - cells.shape[-1]))}

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """All questions in one batch, cut to what the model reads."""
        if not questions:
            return []
        longest = self.model.config.max_position_embeddings
        options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
        logits = self.logits(encoding["cells"], self.tokenizer(list(questions), **options).to(self.model.device))
        return [top_answers(row, self.names(len(row))) for row in logits.float().cpu()]

    @abstractmethod
    def logits(self, cells: Tensor, inputs: Any) -> Tensor:
        """[n, answers] of one picture's cells [1, h, w, width] and the tokens of n questions."""

    def for_each(self, features: Tensor, questions: int) -> Tensor:
        """[1, regions, width] -> [questions, regions, width] on the model's device."""
        return features.to(self.model.device, self.model.dtype).expand(questions, -1, -1)

    def names(self, number: int) -> dict[int, str]:
        """The answers in words, or where the configuration has none, by number."""
        known: dict[int, str] = self.model.config.id2label
        return known if len(known) == number else {n: f"LABEL_{n}" for n in range(number)}


def grid_cells(tower: Any, image: Image) -> Tensor:
    """[1, h, w, 1280] float32 on the CPU: the whole picture at the embedded model's smaller size, one cell for each
    32 pixels. The shorter side has nine."""
    whole = views(image)[1]
    cells = tower.efficientnet_lite(whole.to(next(tower.parameters()).device)).last_hidden_state
    return cells.permute(0, 2, 3, 1).contiguous().cpu()  # type: ignore[no-any-return]


def bert_tokenizer(path: Path) -> Any:
    """The checkpoint's; where it has none, that of the embedded text tower: BERT's own words, with the same numbers."""
    from transformers import AutoTokenizer

    own = any((path / name).exists() for name in ("tokenizer.json", "vocab.txt"))
    return AutoTokenizer.from_pretrained(path if own else text_folder(), local_files_only=True)


# The first lines of the programs: they leave `cells` [h, w, 1280].
CELLS_LINES = """\
from core.models.layers.towers import views, vision_tower  # EfficientNet-Lite0 as a transformers model

whole = views(image)[1]  # [1, 3, h, w], pixels of -1..1
with torch.inference_mode():
    cells = vision_tower().efficientnet_lite(whole).last_hidden_state[0].permute(1, 2, 0)
"""
