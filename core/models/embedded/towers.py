# SPDX-License-Identifier: Apache-2.0

"""The two frozen towers of the embedded model, and what each makes of a picture or a text by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.layers.towers import TOKENS, text_tower, views, vision_tower
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

QUESTION_TOKENS = 64


class Towers:
    """EfficientNet-Lite0 (Tan & Le, arXiv 1905.11946) and MiniLM (Wang et al., arXiv 2002.10957), float32 on every device:
    they are small, and their answers should not depend on the machine.

    `vision` is an EfficientNetLiteForImageClassification, `text` a BertModel, `tokenizer` its own.
    """

    def __init__(self, vision: Any, text: Any, tokenizer: Any, device: torch.device) -> None:
        self.vision, self.text, self.tokenizer = vision.to(device).eval(), text.to(device).eval(), tokenizer
        self.device = device

    @classmethod
    def load(cls, device: torch.device) -> Towers:
        """Raises UserError when the weights are not installed and no hub can be reached."""
        return cls(vision_tower(), *text_tower(), device)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.vision, self.text)

    def image_vector(self, image: Image) -> Tensor:
        """[1, 1280], unit norm: the mean of the views' unit vectors."""
        from torch.nn.functional import normalize

        encoder = self.vision.efficientnet_lite
        vectors = [normalize(encoder(view.to(self.device)).pooler_output, dim=1) for view in views(image)]
        return normalize(sum(vectors), dim=1)  # type: ignore[arg-type]

    def image_vectors(self, images: Sequence[Image]) -> Tensor:
        """[n, 1280], unit norm."""
        import torch

        return torch.cat([self.image_vector(image) for image in images])

    def grid(self, image: Image) -> Tensor:
        """[81, 1280]: features of 9 x 9 places of the picture, row by row."""
        from core.models.layers.grid_captioner import grid_features

        return grid_features(self.vision.efficientnet_lite, image)

    def text_vectors(self, texts: Sequence[str]) -> Tensor:
        """[n, 384], unit norm: MiniLM's mean over tokens."""
        from torch.nn.functional import normalize

        options = {"padding": True, "truncation": True, "max_length": TOKENS, "return_tensors": "pt"}
        tokens = self.tokenizer(list(texts), **options).to(self.device)
        mask = tokens["attention_mask"].unsqueeze(-1)
        return normalize((self.text(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1), dim=1)

    def token_vectors(self, questions: Sequence[str]) -> tuple[Tensor, Tensor, Any]:
        """Vectors of each token [n, length, 384], which of them are there [n, length], and their places in the text
        [n, length, 2]."""
        tokens = self.question_tokens(questions)
        offsets = tokens.pop("offset_mapping")
        return self.text(**tokens).last_hidden_state, tokens["attention_mask"], offsets

    def question_tokens(self, questions: Sequence[str]) -> Any:
        """The text tower's arguments, each [n, length], on its device, and `offset_mapping` beside them."""
        return self.tokenizer(
            [question.lower() for question in questions],
            padding=True,
            truncation=True,
            max_length=QUESTION_TOKENS,
            return_tensors="pt",
            return_offsets_mapping=True,
        ).to(self.device)
