# SPDX-License-Identifier: Apache-2.0

"""GroupViT (Xu et al., 2022, arXiv 2202.11094): segments that emerge from contrastive training on captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.models.abilities import Segmenter
from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair
from core.models.loading import unit

if TYPE_CHECKING:
    from torch import Tensor

# What a prompt is weighed against: the canonical phrases of LERF (Kerr et al., 2023, arXiv 2303.09553).
CANONICAL = ("object", "things", "stuff", "texture")


class GroupViT(TransformersPair, Segmenter):
    """Its groups compete for the patches, and each group is compared with a phrase as a whole picture would be.

    `program` is the dual encoder's; `segment_program` gives the masks.
    """

    model_class = "GroupViTModel"

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch`, `image` (PIL) and `prompts` (str), leaves `logits` [n, h, w]."""
        return SEGMENT_PROGRAM.replace("{model_id}", model_id).replace("{canonical}", repr(list(CANONICAL)))

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`groups` [groups, d], unit norm; `share` [groups, rows, columns], each group's part of a patch: they add up
        to 1. The whole picture is squeezed into the square that the model reads, with nothing cropped."""
        side = self.model.config.vision_config.image_size
        pixels = self.processor.image_processor(
            image, size={"height": side, "width": side}, do_center_crop=False, return_tensors="pt"
        )["pixel_values"].to(self.model.device, self.model.dtype)
        outputs = self.model.vision_model(pixels, output_attentions=True)
        share, *later = (stage[0].mT.float() for stage in outputs.attentions)  # each [what is grouped, groups]
        for stage in later:
            share = share @ stage
        rows = side // self.model.config.vision_config.patch_size
        groups = unit(self.model.visual_projection(outputs.last_hidden_state[0]))
        return {"groups": groups, "share": share.mT.unflatten(-1, (rows, rows)).cpu().contiguous()}

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        """All [n, side, side], as large as the square that the model reads, 224 in the published one.

        Its own "segmentation logits" are made for an argmax over classes that compete. To say of each prompt by itself
        whether it is here, `logits` are what they are above the best of CANONICAL there, on the scale of the model's
        softmax (`transformers` multiplies by it twice): sigmoid(logit) is the softmax between the prompt and that
        phrase, LERF's relevancy. "closest group" is where the one group that is most like the prompt lies.
        """
        import torch

        side = self.model.config.vision_config.image_size
        share = torch.nn.functional.interpolate(encoding["share"][None], size=(side, side), mode="bilinear")[0]
        scale = self.scale().scale
        cosines = self.embed_texts([*prompts, *CANONICAL]) @ encoding["groups"].T
        maps = scale * torch.einsum("ng,ghw->nhw", cosines, share)
        here, others = maps[: len(prompts)], maps[len(prompts) :]
        return {
            "logits": here - others.max(0).values,
            "closest group": share[cosines[: len(prompts)].argmax(1)],
            "segmentation logits": scale * here,
        }


SEGMENT_PROGRAM = """\
from transformers import AutoProcessor, GroupViTModel

model = GroupViTModel.from_pretrained("{model_id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{model_id}", backend="pil")
side = model.config.vision_config.image_size
inputs = processor(
    text=list(prompts) + {canonical},  # what each prompt is weighed against
    images=image,
    size={"height": side, "width": side},  # the whole picture, nothing cropped
    do_center_crop=False,
    padding=True,
    truncation=True,
    return_tensors="pt",
)
with torch.inference_mode():
    outputs = model(**inputs, output_segmentation=True)
    maps = outputs.segmentation_logits[0] / model.logit_scale.exp()
logits = maps[: len(prompts)] - maps[len(prompts) :].max(0).values
"""

register(
    Family(
        name="groupvit",
        adapter=GroupViT,
        architectures=("GroupViTModel",),
        specs=(
            Spec(
                "nvidia/groupvit-gcc-yfcc",
                "not stated",
                223,
                "Xu et al., 2022, arXiv 2202.11094",
                "the card states no licence",
            ),
        ),
    )
)
