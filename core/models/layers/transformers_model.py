# SPDX-License-Identifier: Apache-2.0

"""What adapters of one model of `transformers` with its processor have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from core.models.abilities import Model
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch


class TransformersModel(Model):
    """`model_class` is the model's name in `transformers`."""

    model_class: ClassVar[str]

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TransformersModel:
        import transformers

        model = from_folder(getattr(transformers, cls.model_class), path, dtype).to(device).eval()
        return cls(model, transformers.AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True))

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model)
