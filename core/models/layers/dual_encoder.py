# SPDX-License-Identifier: Apache-2.0

"""What contrastive models of `transformers` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL.Image import Image

from core.models.abilities import DualEncoder, Scale
from core.models.layers.transformers_model import TransformersModel
from core.models.loading import from_folder, unit

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TransformersPair(TransformersModel, DualEncoder):
    """A contrastive model of `transformers` whose forward is scale * cosine + bias. Most families need no
    more than `model_class`; where another overrides a method, it overrides the lines of its program too."""

    text_options: ClassVar[dict[str, Any]] = {"padding": True, "truncation": True}
    embed_lines: ClassVar[str] = """\
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():
    outputs = model(**inputs)
image_embeds, text_embeds = outputs.image_embeds, outputs.text_embeds"""
    scale_line: ClassVar[str] = "scale, bias = model.logit_scale.exp().item(), 0.0"

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__(model, processor)
        self._scale = self.read_scale()

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TransformersPair:
        import torch
        import transformers

        model = from_folder(getattr(transformers, cls.model_class), path, torch.float32).eval()
        processor = transformers.AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True)
        # Some published tokenisers do not know how many tokens their tower reads, and would cut nothing.
        longest = model.config.text_config.max_position_embeddings
        processor.tokenizer.model_max_length = min(processor.tokenizer.model_max_length, longest)
        pair = cls(model, processor)  # reads its scale in float32: bfloat16 would round it by one percent
        model.to(device, dtype)
        return pair

    @classmethod
    def program(cls, model_id: str) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in cls.text_options.items()).replace("'", '"')
        lines = cls.embed_lines.replace("{text_options}", options)
        return f"""\
from transformers import AutoProcessor, {cls.model_class}

model = {cls.model_class}.from_pretrained("{model_id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{model_id}", backend="pil")
{lines}
{cls.scale_line}
"""

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        return unit(self.image_features(self.pixels(images)))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return unit(self.text_features(self.tokens(texts)))

    def pixels(self, images: Sequence[Image]) -> Tensor:
        """[n, 3, h, w] as the vision tower wants them, on its device."""
        pixel_values = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        return pixel_values.to(self.model.device, self.model.dtype)  # type: ignore[no-any-return]

    def tokens(self, texts: Sequence[str]) -> Any:
        """The text tower's arguments by name, each [n, length], on its device."""
        return self.processor(text=list(texts), return_tensors="pt", **self.text_options).to(self.model.device)

    def image_features(self, pixel_values: Tensor) -> Tensor:
        """[n, d], of any length."""
        features: Tensor = self.model.get_image_features(pixel_values=pixel_values).pooler_output
        return features

    def text_features(self, inputs: Any) -> Tensor:
        """[n, d], of any length."""
        features: Tensor = self.model.get_text_features(**inputs).pooler_output
        return features

    def read_scale(self) -> Scale:
        return Scale(self.model.logit_scale.exp().item())

    def scale(self) -> Scale:
        return self._scale
