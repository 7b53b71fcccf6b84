# SPDX-License-Identifier: Apache-2.0

"""FLAVA (Singh et al., 2021, arXiv 2112.04482): vision, language and both together, pretrained at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair

if TYPE_CHECKING:
    from torch import Tensor


class FLAVA(TransformersPair):
    """The contrastive vectors of its two towers: each one's first token ([CLS]), projected."""

    model_class = "FlavaModel"
    embed_lines = """\
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():  # the projections cover every token; the first one is [CLS]
    image_tokens = model.get_image_features(pixel_values=inputs.pop("pixel_values")).pooler_output
    text_tokens = model.get_text_features(**inputs).pooler_output
image_embeds = torch.nn.functional.normalize(image_tokens[:, 0], dim=-1)
text_embeds = torch.nn.functional.normalize(text_tokens[:, 0], dim=-1)"""

    def image_features(self, pixel_values: Tensor) -> Tensor:
        return super().image_features(pixel_values)[:, 0]

    def text_features(self, inputs: Any) -> Tensor:
        return super().text_features(inputs)[:, 0]


register(
    Family(
        name="flava",
        adapter=FLAVA,
        architectures=("FlavaModel", "FlavaForPreTraining"),
        specs=(Spec("facebook/flava-full", "BSD-3-Clause", 1431, "Singh et al., 2021, arXiv 2112.04482"),),
    )
)
