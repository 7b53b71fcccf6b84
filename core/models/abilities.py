# SPDX-License-Identifier: Apache-2.0

"""What a model is to the lab: an adapter class with abilities, loaded from a folder of safetensors.

n is the number of inputs and d a width of the model's own. Tensors come back as float32 on the CPU; pictures are in RGB. A
`..._program` is plain `transformers` code that does the same as the method beside it, with the names that it is given. The
ability of models that read no picture is in core/models/language_model.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL.Image import Image

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Point = tuple[float, float, bool]  # x, y, on the object?
Box = tuple[float, float, float, float]  # x0, y0, x1, y1, in pixels from the top left


class Model(ABC):
    """Base of all adapters. Subclasses import torch and transformers inside functions, so that listing them costs nothing."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises UserError when the folder does not hold this kind of checkpoint."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the weights."""


class Scale(NamedTuple):
    """How cosines become logits: `scale * cosine + bias`. `sigmoid` if trained with SigLIP's loss (Zhai et al., arXiv
    2303.15343). `presence`, where it was measured, is (scale, bias) of P(the text is true of the image) =
    sigmoid(scale * cosine + bias), as Platt (1999) calibrates. `further`, where it was measured, is what each noun phrase of
    a label but the first has to exceed: such a label scores the sum of its phrases' cosines less that."""

    scale: float
    bias: float = 0.0
    sigmoid: bool = False
    presence: tuple[float, float] | None = None
    further: float | None = None


class DualEncoder(Model):
    """Images and texts as unit vectors of one space (CLIP: Radford et al., arXiv 2103.00020); similarities are in -1..1."""

    @classmethod
    @abstractmethod
    def program(cls, model_id: str) -> str:
        """From `images` (PIL) and `texts` (str) to `image_embeds` [n, d], `text_embeds` [m, d], `scale` and `bias`."""

    @abstractmethod
    def embed_images(self, images: Sequence[Image]) -> Tensor:
        """[n, d], unit norm."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[n, d], unit norm. Texts are cut to what the tower reads."""

    @abstractmethod
    def scale(self) -> Scale:
        """As the checkpoint learned it; of a model without one of its own, as the family says."""


class AbsentBelow(NamedTuple):
    """Presences, 0..1, below which something is said to be absent: `phrase` of one phrase, `labels` of the likeliest of a set."""

    phrase: float
    labels: float


class PresenceEstimator(DualEncoder):
    """Has measured how likely it is that a picture shows what a phrase names."""

    @abstractmethod
    def presence(self, pictures: Tensor, phrases: Sequence[str]) -> Tensor:
        """[n, m] in 0..1 for pictures [n, d] as `embed_images` gives them: P(the picture shows it), for what is there as often
        as not."""

    @abstractmethod
    def presence_in(self, encoding: Mapping[str, Tensor], phrases: Sequence[str]) -> Tensor:
        """[m] in 0..1: the same for a picture as `encode_image` gives it."""

    @abstractmethod
    def absent_below(self) -> AbsentBelow:
        """The thresholds that go with it."""


class Classifier(Model):
    """Sorts pictures into labels of its own, which it was trained on."""

    @abstractmethod
    def labels(self) -> list[str]:
        """In the order of the logits."""

    @abstractmethod
    def classify(self, images: Sequence[Image]) -> Tensor:
        """[n, labels] logits: P(label) is their softmax."""

    @classmethod
    @abstractmethod
    def classify_program(cls, model_id: str) -> str:
        """From `images` (PIL) to `labels` and `logits` [n, labels]."""


class CausalText(DualEncoder):
    """Its text tower is causal, so that the states of a prefix serve all texts that begin with it."""

    @abstractmethod
    def embed_continuations(self, groups: Sequence[Sequence[str]]) -> Tensor:
        """[all texts, d]: as `embed_texts`, for groups of texts with a common prefix."""


class AnchoredEncoder(DualEncoder):
    """Its vectors are relative representations (ASIF: Norelli et al., arXiv 2210.01738): coordinate c is the image's or
    the text's similarity to anchor pair c, so every score is a sum of products over named anchors."""

    @abstractmethod
    def anchor_names(self) -> list[str]:
        """One name for each coordinate of the vectors."""

    @abstractmethod
    def anchor_images(self, images: Sequence[Image], added: Sequence[Image] = ()) -> Tensor:
        """[n, anchors + added]: cosines with the image of each anchor, and with those of anchors that a visitor adds."""

    @abstractmethod
    def anchor_texts(self, texts: Sequence[str], added: Sequence[str] = ()) -> Tensor:
        """[n, anchors + added]: cosines with the text of each anchor, and with those of added ones."""


class Matcher(Model):
    """Encodes an image and a text together and says how well they match."""

    @abstractmethod
    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        """[n]: the probability that the text describes the image."""


class ImageEncoder(Model):
    """Encodes a picture once; what is asked about it afterwards costs little."""

    @abstractmethod
    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """All that later questions about this picture need, by name. Raises UserError for a picture it cannot take."""


class Segmenter(ImageEncoder):
    """Cuts out of a picture what phrases name."""

    @abstractmethod
    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        """{"logits": [n, h, w]}, a map of the whole picture for each prompt: P(prompt is here) = sigmoid(logit).
        Maps that led to it follow under names that say what they are, first to last."""

    @classmethod
    @abstractmethod
    def segment_program(cls, model_id: str) -> str:
        """From `image` (PIL) and `prompts` (str) to `logits` [n, h, w]; by a PresenceEstimator to `present`, too, a list of bool."""


class ImagePrompted(Segmenter):
    """Takes pictures in place of phrases, too."""

    @abstractmethod
    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        """As `segment`, for what each example picture shows."""


class Refiner(ImageEncoder):
    """Draws one object's mask from clicks and a box (SAM: Kirillov et al., arXiv 2304.02643)."""

    @abstractmethod
    def refine(self, encoding: Mapping[str, Tensor], points: Sequence[Point], box: Box | None) -> Tensor:
        """[h, w] logits over the whole picture. Raises UserError without any point or box."""


class Answerer(ImageEncoder):
    """Answers questions about a picture."""

    @abstractmethod
    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """For each question its answers with their confidences in 0..1, highest first: five at most."""

    @classmethod
    @abstractmethod
    def answer_program(cls, model_id: str) -> str:
        """From `image` (PIL) and `question` to `answers`."""


class Attribution(NamedTuple):
    """How much each patch contributed to each of `words`: `maps` [words, h, w] over the whole picture, each in 0..1."""

    words: list[str]
    maps: Tensor


class AttentiveAnswerer(Answerer):
    """Can attribute its answer to patches (Chefer et al., arXiv 2103.15679)."""

    @abstractmethod
    def attribution(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Attribution:
        """Of the first answer, by word of the question. `shuffled` computes it for a copy whose weights were shuffled: a
        map that stays alike is not evidence (Adebayo et al., arXiv 1810.03292)."""


class Captioner(ImageEncoder):
    """Describes a picture in words of its own."""

    @abstractmethod
    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        """Its captions with their confidences in 0..1, highest first: five at most."""

    @classmethod
    @abstractmethod
    def caption_program(cls, model_id: str) -> str:
        """From `image` (PIL) to `captions`."""


class AttentiveCaptioner(Captioner):
    """Can attribute the words of a caption to patches."""

    @abstractmethod
    def attention(self, encoding: Mapping[str, Tensor], caption: str) -> Attribution:
        """For each word of this caption of the picture, its own or another, what was attended to when it was predicted."""
