# SPDX-License-Identifier: Apache-2.0

"""CLIPSeg (Lüddecke & Ecker, 2022, arXiv 2112.10003): a small decoder on a frozen CLIP draws what a phrase or a picture names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import ImagePrompted
from core.models.family import Family, Spec, register
from core.models.layers.transformers_model import TransformersModel

if TYPE_CHECKING:
    from torch import Tensor


class CLIPSeg(TransformersModel, ImagePrompted):
    """CLIPSegForImageSegmentation. Its processor squeezes the whole picture into a square, so the maps cover all of it."""

    model_class = "CLIPSegForImageSegmentation"

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """{"layer 3": [1 + patches, d], ...}: a [CLS] and the patches, row by row, after each layer the decoder reads.
        No layer beyond the last of them is run; the article's program runs them all and drops what they give."""
        tower = self.model.clip.vision_model
        hidden = tower.pre_layrnorm(tower.embeddings(self.pixels([image])))
        encoding = {}
        for index, layer in enumerate(tower.encoder.layers[: max(self.model.extract_layers) + 1]):
            hidden = layer(hidden, None)
            if index in self.model.extract_layers:
                encoding[f"layer {index}"] = hidden[0].float().cpu()
        return encoding

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        """`logits` [n, side, side], and a map for each block of the decoder, as `decode` says."""
        return self.decode(encoding, self.model.clip.get_text_features(**self.tokens(prompts)).pooler_output)

    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        """The same, with the vector of each whole example picture in place of a phrase's: CLIP has one space for both."""
        return self.decode(encoding, self.model.clip.get_image_features(self.pixels(examples)).pooler_output)

    def pixels(self, images: Sequence[Image]) -> Tensor:
        """[n, 3, side, side] on the model's device."""
        pixel_values: Tensor = self.processor.image_processor(list(images), return_tensors="pt")["pixel_values"]
        return pixel_values.to(self.model.device, self.model.dtype)

    def tokens(self, prompts: Sequence[str]) -> Any:
        """Cut to what the text tower reads, 77 tokens in the published one; each [n, length]."""
        longest = self.model.config.text_config.max_position_embeddings
        options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
        return self.processor.tokenizer(list(prompts), **options).to(self.model.device)

    def decode(self, encoding: Mapping[str, Tensor], conditions: Tensor) -> dict[str, Tensor]:
        """`conditions` [n, d]. CLIPSegDecoder.forward, which starts from the deepest layer and takes in one more of the
        picture before each block, with one difference: the picture's part is computed once, not for each prompt.

        Beside `logits` [n, side, side], "mask after layer 6" [n, rows, columns] is the mean logit of each patch had the
        decoder stopped at the block that took in that layer: the head applied early, as the logit lens does. The last
        is the mean of `logits` over each patch. The head was trained on the last block alone, so read the others as
        hints of what is there already.
        """
        import torch

        decoder, layers = self.model.decoder, self.model.extract_layers
        maps, state, logits = {}, torch.zeros((), device=conditions.device, dtype=conditions.dtype), conditions
        for depth, index in enumerate(reversed(layers)):
            state = decoder.reduces[depth](encoding[f"layer {index}"].to(conditions)[None]) + state
            if depth == decoder.conditional_layer:
                state = decoder.film_mul(conditions)[:, None] * state + decoder.film_add(conditions)[:, None]
            state = decoder.layers[depth](state, attention_mask=None)
            patches = state[:, 1:].expand(len(conditions), -1, -1).mT
            rows = round(patches.shape[-1] ** 0.5)
            logits = decoder.transposed_convolution(patches.unflatten(-1, (rows, rows)))[:, 0]
            maps[f"mask after layer {index}"] = torch.nn.functional.adaptive_avg_pool2d(logits, rows)
        return {name: value.float().cpu() for name, value in ({"logits": logits} | maps).items()}


PROGRAM = """\
from transformers import AutoProcessor, CLIPSegForImageSegmentation

model = CLIPSegForImageSegmentation.from_pretrained("{model_id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{model_id}", backend="pil")
longest = model.config.text_config.max_position_embeddings
inputs = processor(
    text=prompts,
    images=[image] * len(prompts),
    padding=True,
    truncation=True,
    max_length=longest,
    return_tensors="pt",
)
with torch.inference_mode():
    outputs = model(**inputs)
logits = outputs.logits
"""

register(
    Family(
        name="clipseg",
        order=10,
        adapter=CLIPSeg,
        architectures=("CLIPSegForImageSegmentation",),
        specs=(
            Spec(
                "CIDAS/clipseg-rd64-refined",
                "Apache-2.0",
                603,
                "Lüddecke & Ecker, 2022, arXiv 2112.10003",
                "safetensors by the hub's conversion",
            ),
        ),
    )
)
