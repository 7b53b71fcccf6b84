# SPDX-License-Identifier: Apache-2.0

"""SigLIP (Zhai et al., 2023, arXiv 2303.15343) and SigLIP 2 (Tschannen et al., 2025, arXiv 2502.14786):
each pair is judged on its own by a sigmoid, with a learned bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from core.models.abilities import Scale
from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair


class SigLIP(TransformersPair):
    """Trained on lower-cased text, padded to 64 tokens to which the text tower attends: there is no mask."""

    model_class = "SiglipModel"
    text_options: ClassVar[dict[str, Any]] = {"padding": "max_length", "max_length": 64, "truncation": True}
    embed_lines = """\
lower = [text.lower() for text in texts]
inputs = processor(text=lower, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():  # no attention_mask: the model was trained to attend to the padding
    outputs = model(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"])
image_embeds, text_embeds = outputs.image_embeds, outputs.text_embeds"""
    scale_line = "scale, bias = model.logit_scale.exp().item(), model.logit_bias.item()"

    def tokens(self, texts: Sequence[str]) -> Any:
        return {"input_ids": super().tokens([text.lower() for text in texts])["input_ids"]}

    def read_scale(self) -> Scale:
        return Scale(self.model.logit_scale.exp().item(), self.model.logit_bias.item(), sigmoid=True)


register(
    Family(
        name="siglip",
        order=20,
        adapter=SigLIP,
        architectures=("SiglipModel",),
        specs=(
            Spec("google/siglip-base-patch16-224", "Apache-2.0", 813, "Zhai et al., 2023, arXiv 2303.15343"),
            Spec(
                "google/siglip2-base-patch16-224",
                "Apache-2.0",
                1535,
                "Tschannen et al., 2025, arXiv 2502.14786",
                "reads many languages",
            ),
        ),
    )
)
