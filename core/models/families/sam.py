# SPDX-License-Identifier: Apache-2.0

"""SAM, Segment Anything (Kirillov et al., 2023, arXiv 2304.02643): one object's mask from clicks and a box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.errors import UserError
from core.models.abilities import Refiner
from core.models.family import Family, Spec, register
from core.models.layers.transformers_model import TransformersModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class SAM(TransformersModel, Refiner):
    """SamModel. Only its image encoder, where the time goes, runs in half precision: places in a large picture do not
    fit into eight bits."""

    model_class = "SamModel"

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TransformersModel:
        import torch

        adapter = super().load(path, device, torch.float32)
        assert isinstance(adapter, SAM)
        adapter.model.vision_encoder.to(dtype)
        return adapter

    @classmethod
    def program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch`, `image` (PIL), `points` and `box`, as `refine` takes them,
        leaves `logits` [h, w]."""
        return PROGRAM.replace("{model_id}", model_id)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_embeddings` [d, rows, columns]; `original_size` and `reshaped_input_size`, each (height, width): of
        the picture, and of the model's input, its longer side 1024 in the published one and the rest padding."""
        inputs = self.processor.image_processor(image, return_tensors="pt")
        pixels = inputs["pixel_values"].to(self.model.device, self.model.vision_encoder.dtype)
        return {
            "image_embeddings": self.model.get_image_embeddings(pixels)[0].float().cpu(),
            "original_size": inputs["original_sizes"][0],
            "reshaped_input_size": inputs["reshaped_input_sizes"][0],
        }

    def refine(
        self,
        encoding: Mapping[str, Tensor],
        points: Sequence[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
    ) -> Tensor:
        """Of the three masks that it draws, the one with the highest predicted IoU; as large as the model's input without
        its padding: the whole picture at its own aspect, the longer side 1024 in the published one. Raises UserError without point and box."""
        import torch

        if not points and box is None:
            raise UserError("Click on the object or draw a box around it first.")
        device, prompts = self.model.device, {}
        scale = (encoding["reshaped_input_size"] / encoding["original_size"]).flip(0)  # of (x, y)
        if points:
            prompts["input_points"] = torch.tensor([[[point[:2] for point in points]]]) * scale  # [1, 1, n, 2]
            prompts["input_labels"] = torch.tensor([[[int(point[2]) for point in points]]])  # [1, 1, n]
        if box is not None:
            prompts["input_boxes"] = torch.tensor([[box]]) * scale.repeat(2)  # [1, 1, 4]
        embeddings = encoding["image_embeddings"][None].to(device)
        outputs = self.model(image_embeddings=embeddings, **{name: value.to(device) for name, value in prompts.items()})
        best = outputs.pred_masks[:, :, outputs.iou_scores[0, 0].argmax()].float().cpu()  # [1, 1, h / 4, w / 4]
        size = encoding["reshaped_input_size"][None]
        return self.processor.post_process_masks(best[None], size, size, binarize=False)[0][0, 0]  # type: ignore[no-any-return]


PROGRAM = """\
from transformers import AutoProcessor, SamModel

model = SamModel.from_pretrained("{model_id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{model_id}", backend="pil")
inputs = processor(
    image,
    input_points=[[[[x, y] for x, y, _ in points]]] if points else None,
    input_labels=[[[int(on) for _, _, on in points]]] if points else None,
    input_boxes=[[list(box)]] if box else None,
    return_tensors="pt",
)
size = inputs.pop("reshaped_input_sizes")  # of the model's input; for the picture's own pixels,
inputs.pop("original_sizes")  # give post_process_masks these first
with torch.inference_mode():
    outputs = model(**inputs)
masks = processor.post_process_masks(outputs.pred_masks, size, size, binarize=False)[0]
logits = masks[0, outputs.iou_scores[0, 0].argmax()]
"""

register(
    Family(
        name="sam",
        adapter=SAM,
        architectures=("SamModel",),
        specs=(Spec("facebook/sam-vit-base", "Apache-2.0", 375, "Kirillov et al., 2023, arXiv 2304.02643"),),
    )
)
