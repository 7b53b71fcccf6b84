# SPDX-License-Identifier: Apache-2.0

"""BridgeTower (Xu et al., 2022, arXiv 2206.08657): a cross-modal encoder fed by every layer of two towers.

Its contrastive heads stand on the towers alone, so that as a dual encoder it needs none of the bridges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair

if TYPE_CHECKING:
    from torch import Tensor


class BridgeTower(TransformersPair):
    """The two towers of BridgeTowerForContrastiveLearning, whose forward wants as many images as texts."""

    model_class = "BridgeTowerForContrastiveLearning"
    embed_lines = """\
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
towers = model.bridgetower
visual = towers.vision_model.visual
with torch.inference_mode():  # what model(...) does before its cross-modal layers, for any number of each
    image_states = visual.forward_pre(inputs["pixel_values"])
    for block in visual.transformer.resblocks:
        image_states = block(image_states)
    image_states = towers.cross_modal_image_transform(visual.forward_post(image_states)) + towers.token_type_embeddings.weight[1]
    text_states = towers.text_model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
    image_embeds = torch.nn.functional.normalize(model.itc_image_head(image_states[:, 0]), dim=-1)
    text_embeds = torch.nn.functional.normalize(model.itc_text_head(text_states[:, 0]), dim=-1)"""

    def image_features(self, pixel_values: Tensor) -> Tensor:
        towers = self.model.bridgetower
        visual = towers.vision_model.visual
        image_states = visual.forward_pre(pixel_values)
        for block in visual.transformer.resblocks:
            image_states = block(image_states)
        # Row 1 of the token types marks a token as an image's.
        image_states = (
            towers.cross_modal_image_transform(visual.forward_post(image_states))
            + towers.token_type_embeddings.weight[1]
        )
        features: Tensor = self.model.itc_image_head(image_states[:, 0])
        return features

    def text_features(self, inputs: Any) -> Tensor:
        text_states = self.model.bridgetower.text_model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
        features: Tensor = self.model.itc_text_head(text_states[:, 0])
        return features


register(
    Family(
        name="bridgetower",
        adapter=BridgeTower,
        architectures=("BridgeTowerForContrastiveLearning",),
        specs=(
            Spec(
                "BridgeTower/bridgetower-large-itm-mlm-itc",
                "MIT",
                3470,
                "Xu et al., 2022, arXiv 2206.08657",
                "licence read from a mirror of its card; size estimated",
            ),
        ),
    )
)
