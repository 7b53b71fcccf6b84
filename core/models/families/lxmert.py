# SPDX-License-Identifier: Apache-2.0

"""LXMERT (Tan & Bansal, 2019, arXiv 1908.07490): one encoder for words, one for regions, and a third across both.

It has no vision tower of its own: cells of the embedded vision tower's grid take the place of a detector's regions, with
their outlines as boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.models.family import Family, Spec, register
from core.models.layers.grid_cells import CELLS_LINES, CELLS_NOTE, NUMBERS_NOTE, GridCellAnswerer

if TYPE_CHECKING:
    from torch import Tensor


class LXMERT(GridCellAnswerer):
    """LxmertForQuestionAnswering."""

    model_class = "LxmertForQuestionAnswering"
    cell_width = "visual_feat_dim"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def logits(self, cells: Tensor, inputs: Any) -> Tensor:
        many = len(inputs["input_ids"])
        visual = {"visual_feats": cells.flatten(1, 2), "visual_pos": boxes(*cells.shape[1:3])}
        visual = {name: self.for_each(value, many) for name, value in visual.items()}
        return self.model(**inputs, **visual).question_answering_score  # type: ignore[no-any-return]


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
                f"{CELLS_NOTE}; {NUMBERS_NOTE}; safetensors by the hub's conversion",
            ),
        ),
    )
)
