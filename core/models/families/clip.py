# SPDX-License-Identifier: Apache-2.0

"""CLIP (Radford et al., 2021, arXiv 2103.00020): two towers, one softmax over a batch of pairs. MetaCLIP (Xu et al., 2023,
arXiv 2309.16671) is its recipe on openly curated data, MetaCLIP 2 (Chuang et al., 2025, arXiv 2507.22062) reads many languages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from core.models.abilities import CausalText
from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair
from core.models.layers.prefix_cache import PrefixCache
from core.models.loading import unit

if TYPE_CHECKING:
    from torch import Tensor


CITATION = "Radford et al., 2021, arXiv 2103.00020"
NOTE = "the card states no licence; the code's is MIT"


class CLIP(TransformersPair, CausalText):
    """CLIPModel. Continuations of one text share the keys and values of their prefix."""

    model_class = "CLIPModel"

    @cached_property
    def _prefix_cache(self) -> PrefixCache:
        return PrefixCache(self.model.text_model)

    def embed_continuations(self, groups: Sequence[Sequence[str]]) -> Tensor:
        rows = [self.processor.tokenizer(list(texts), truncation=True)["input_ids"] for texts in groups]
        return unit(self.model.text_projection(self._prefix_cache.last_states(rows)))


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


class MetaCLIP2(TransformersPair):
    """MetaClip2Model, whose text tower is no CLIPTextTransformer, so that it has no prefix cache."""

    model_class = "MetaClip2Model"


register(
    Family(
        name="metaclip",
        adapter=CLIP,  # saved as CLIPModel, so a local checkpoint of it is offered as CLIP
        specs=(
            Spec(
                "facebook/metaclip-b32-400m",
                "CC-BY-NC-4.0",
                605,
                "Xu et al., 2023, arXiv 2309.16671",
                "licence read from a sibling checkpoint's card",
            ),
        ),
    )
)
register(
    Family(
        name="metaclip2",
        adapter=MetaCLIP2,
        architectures=("MetaClip2Model",),
        specs=(
            Spec(
                "facebook/metaclip-2-mt5-worldwide-b32",
                "CC-BY-NC-4.0",
                1016,
                "Chuang et al., 2025, arXiv 2507.22062",
                "reads many languages",
            ),
        ),
    )
)
