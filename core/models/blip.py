"""BLIP (Li et al., 2022, arXiv 2201.12086): contrast finds candidates, matching reads each pair closely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models import Family, register
from core.models._pair import TransformersPair
from core.models.base import Matcher, Scale, Spec

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Li et al., 2022, arXiv 2201.12086"
# Published checkpoints leave out the learned temperature; this is the value its training begins with.
TEMPERATURE = 0.07


class BLIP(TransformersPair, Matcher):
    """BlipForImageTextRetrieval: its contrastive (ITC) head as a dual encoder, its matching (ITM) head as a matcher."""

    model_class = "BlipForImageTextRetrieval"
    embed_lines = """\
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():
    seen = model.vision_model(inputs["pixel_values"]).last_hidden_state
    read = model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
    image_embeds = torch.nn.functional.normalize(model.vision_proj(seen[:, 0]), dim=-1)
    text_embeds = torch.nn.functional.normalize(model.text_proj(read[:, 0]), dim=-1)"""
    scale_line = f"scale, bias = 1 / {TEMPERATURE}, 0.0  # the checkpoint leaves out its learned temperature"

    def image_features(self, pixel_values: Tensor) -> Tensor:
        features: Tensor = self.model.vision_proj(self.model.vision_model(pixel_values).last_hidden_state[:, 0])
        return features

    def text_features(self, inputs: Any) -> Tensor:
        read = self.model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
        features: Tensor = self.model.text_proj(read[:, 0])
        return features

    def read_scale(self) -> Scale:
        return Scale(1 / TEMPERATURE)

    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        import torch

        images = {id(image): image for image, _ in pairs}  # one picture beside many texts is looked at once
        order = list(images)
        seen = self.model.vision_model(self.pixels(list(images.values()))).last_hidden_state
        seen = seen[[order.index(id(image)) for image, _ in pairs]]
        inputs = self.tokens([text for _, text in pairs])
        read = self.model.text_encoder(
            inputs["input_ids"],
            inputs["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        return self.model.itm_head(read[:, 0]).float().softmax(-1)[:, 1].cpu()  # type: ignore[no-any-return]


register(
    Family(
        name="blip",
        adapter=BLIP,
        architectures=("BlipForImageTextRetrieval",),
        specs=(
            Spec("Salesforce/blip-itm-base-coco", "BSD-3-Clause", 895, CITATION),
            Spec("Salesforce/blip-itm-large-coco", "BSD-3-Clause", 1785, CITATION),
        ),
    )
)
