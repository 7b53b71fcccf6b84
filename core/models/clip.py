"""CLIP (Radford et al., 2021, arXiv 2103.00020): two towers, one softmax over a batch of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from core.models import Family, register
from core.models._causal_text import Beginnings
from core.models._pair import TransformersPair
from core.models.base import CausalText, Spec, unit

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Radford et al., 2021, arXiv 2103.00020"
NOTE = "the card states no licence; the code's is MIT"


class CLIP(TransformersPair, CausalText):
    model_class = "CLIPModel"

    @cached_property
    def _beginnings(self) -> Beginnings:
        return Beginnings(self.model.text_model)

    def embed_continuations(self, groups: Sequence[Sequence[str]]) -> Tensor:
        rows = [self.processor.tokenizer(list(texts), truncation=True)["input_ids"] for texts in groups]
        return unit(self.model.text_projection(self._beginnings.last_states(rows)))


register(
    Family(
        name="clip",
        order=10,
        adapter=CLIP,
        architectures=("CLIPModel",),
        specs=(
            Spec(
                "openai/clip-vit-base-patch32",
                "not stated",
                605,
                CITATION,
                f"{NOTE}; safetensors by the hub's conversion",
            ),
            Spec("openai/clip-vit-large-patch14", "not stated", 1711, CITATION, NOTE),
        ),
    )
)
