# SPDX-License-Identifier: Apache-2.0

"""ALIGN (Jia et al., 2021, arXiv 2102.05918): EfficientNet and BERT on a billion noisy pairs."""

from typing import Any, ClassVar

from core.models.abilities import Scale
from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair


class ALIGN(TransformersPair):
    """Cosines are divided by a learned temperature; texts are padded to 64 tokens."""

    model_class = "AlignModel"
    text_options: ClassVar[dict[str, Any]] = {"padding": "max_length", "max_length": 64, "truncation": True}
    scale_line = "scale, bias = 1 / model.temperature.item(), 0.0"

    def read_scale(self) -> Scale:
        return Scale(1 / self.model.temperature.item())


register(
    Family(
        name="align",
        adapter=ALIGN,
        architectures=("AlignModel",),
        specs=(
            Spec(
                "kakaobrain/align-base",
                "not stated",
                690,
                "Jia et al., 2021, arXiv 2102.05918",
                "Kakao Brain's reproduction, trained on COYO-700M; the card states no licence",
            ),
        ),
    )
)
