"""LXMERT (Tan & Bansal, 2019, arXiv 1908.07490): one encoder for words, one for regions, and a third across both.

It has no eyes of its own. As in VisualBERT's adapter the cells of the embedded vision tower's grid take the place of a
detector's regions, with their outlines as boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import Answerer
from core.models.family import Family, Spec, register
from core.models.layers.grid_cells import BLIND, CELLS_LINES, NUMBERS, bert_tokenizer, fitted, grid_cells, read
from core.models.layers.top_answers import likeliest
from core.models.layers.towers import vision_tower
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class LXMERT(Answerer):
    """LxmertForQuestionAnswering. Confidences are the softmax over its answers. The vision tower stays float32."""

    def __init__(self, model: Any, tokenizer: Any, eyes: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.eyes = eyes

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> LXMERT:
        from transformers import LxmertForQuestionAnswering

        model = from_folder(LxmertForQuestionAnswering, path, dtype).to(device).eval()
        return cls(model, bert_tokenizer(path), vision_tower().to(device).eval())

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.eyes)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`cells` [1, h, w, visual_feat_dim]."""
        return {"cells": fitted(grid_cells(self.eyes, image), self.model.config.visual_feat_dim)}

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        if not questions:
            return []
        inputs = read(self.tokenizer, questions, self.model)
        seen = {"visual_feats": encoding["cells"].flatten(1, 2), "visual_pos": boxes(*encoding["cells"].shape[1:3])}
        seen = {
            name: value.to(self.model.device, self.model.dtype).expand(len(questions), -1, -1)
            for name, value in seen.items()
        }
        logits = self.model(**inputs, **seen).question_answering_score.float().cpu()
        return [likeliest(row, self.names(len(row))) for row in logits]

    def names(self, number: int) -> dict[int, str]:
        """The answers in words, or where the configuration has none, by number."""
        known: dict[int, str] = self.model.config.id2label
        return known if len(known) == number else {n: f"LABEL_{n}" for n in range(number)}


def boxes(height: int, width: int) -> Tensor:
    """[1, height * width, 4]: each cell's left, top, right and bottom edge, the picture's being 0 and 1."""
    import torch

    top, left = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    edges = torch.stack([left / width, top / height, (left + 1) / width, (top + 1) / height], -1)
    return edges.reshape(1, -1, 4)


PROGRAM = f"""\
from transformers import AutoTokenizer, LxmertForQuestionAnswering

{CELLS_LINES}
model = LxmertForQuestionAnswering.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained("{{model_id}}")
longest = model.config.max_position_embeddings
inputs = tokenizer(question, truncation=True, max_length=longest, return_tensors="pt")
h, w, width = cells.shape
feats = torch.nn.functional.pad(cells.reshape(1, h * w, width), (0, model.config.visual_feat_dim - width))
boxes = [[x / w, y / h, (x + 1) / w, (y + 1) / h] for y in range(h) for x in range(w)]  # cells instead of regions
with torch.inference_mode():
    logits = model(**inputs, visual_feats=feats, visual_pos=torch.tensor([boxes])).question_answering_score[0]
confidences, indices = logits.softmax(-1).topk(min(5, len(logits)))
names = model.config.id2label  # the published checkpoint has no words for its answers
if len(names) != len(logits):
    names = [f"LABEL_{{n}}" for n in range(len(logits))]
answers = {{names[i]: p for i, p in zip(indices.tolist(), confidences.tolist())}}
"""

register(
    Family(
        name="lxmert",
        adapter=LXMERT,
        architectures=("LxmertForQuestionAnswering",),
        specs=(
            Spec(
                "unc-nlp/lxmert-vqa-uncased",
                "not stated",
                856,
                "Tan & Bansal, 2019, arXiv 1908.07490",
                f"{BLIND}; {NUMBERS}; safetensors by the hub's conversion",
            ),
        ),
    )
)
