"""What a model is to the lab: an adapter class with abilities, loaded from a folder of safetensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL.Image import Image

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Model(ABC):
    """Base of all adapters. Subclasses import torch and transformers inside functions: listing is free."""

    @classmethod
    @abstractmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> Model:
        """Raises UserError when the folder does not hold this kind of checkpoint."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the weights."""


class Scale(NamedTuple):
    """How cosines become logits: `scale * cosine + bias`.

    `sigmoid` if trained with SigLIP's loss. `presence`, where it was measured, is (scale, bias) of
    P(the text is true of the image) = sigmoid(scale * cosine + bias).
    """

    scale: float
    bias: float = 0.0
    sigmoid: bool = False
    presence: tuple[float, float] | None = None


class DualEncoder(Model):
    """Images and texts as unit vectors of one space, so that their dot product is a similarity."""

    @classmethod
    @abstractmethod
    def program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch`, `images` (PIL) and `texts` (str), leaves
        `image_embeds` [n, d] and `text_embeds` [m, d] of unit norm, `scale` and `bias`."""

    @abstractmethod
    def embed_images(self, images: Sequence[Image]) -> Tensor:
        """[n, d] float32 on the CPU, unit norm."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[n, d] float32 on the CPU, unit norm."""

    @abstractmethod
    def scale(self) -> Scale: ...


class Classifier(Model):
    """Sorts pictures into labels of its own, which it was trained on."""

    @abstractmethod
    def labels(self) -> list[str]: ...

    @abstractmethod
    def classify(self, images: Sequence[Image]) -> Tensor:
        """[n, labels] logits, float32 on the CPU: P(label) is their softmax."""

    @classmethod
    @abstractmethod
    def classify_program(cls, model_id: str) -> str:
        """Python code that, given `torch` and `images` (PIL), leaves `labels` and `logits` [n, labels]."""


class CausalText(DualEncoder):
    """Its text tower reads from left to right, so texts that begin alike share what it made of the beginning."""

    @abstractmethod
    def embed_continuations(self, groups: Sequence[Sequence[str]]) -> Tensor:
        """[all texts, d]: as `embed_texts`, for groups of texts that begin alike."""


class AnchoredEncoder(DualEncoder):
    """Its vectors are relative representations: coordinate c is the picture's or the text's similarity to
    anchor pair c, so every score is a sum of products over named anchors."""

    @abstractmethod
    def anchor_names(self) -> list[str]:
        """One name for each coordinate of the vectors."""

    @abstractmethod
    def anchor_images(self, images: Sequence[Image], added: Sequence[Image] = ()) -> Tensor:
        """[n, anchors + added]: the cosine of each picture with the picture of each anchor, and with those of anchors
        that a visitor adds. float32 on the CPU."""

    @abstractmethod
    def anchor_texts(self, texts: Sequence[str], added: Sequence[str] = ()) -> Tensor:
        """[n, anchors + added]: the cosine of each text with the text of each anchor, and with added ones."""


class Matcher(Model):
    """Reads an image and a text together and says how well they match."""

    @abstractmethod
    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        """[n] float32 on the CPU: the probability that the text describes the image."""


class LanguageModel(Model):
    """Writes captions token by token. Rows are token ids; a row begins with `end()` and a finished one ends with it."""

    @abstractmethod
    def end(self) -> int: ...

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...

    @abstractmethod
    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Their texts, without special tokens."""

    @abstractmethod
    def propose(
        self,
        rows: Sequence[Sequence[int]],
        k: int,
        recalled: Sequence[Mapping[int, float]] = (),
        weight: float = 0.0,
    ) -> Proposal:
        """The k likeliest next tokens of each row; all rows have one length. Where each row is one of the call before with
        one of the tokens proposed there, only these tokens are new work. With `recalled`, a distribution for each row,
        the probabilities are (1 - weight) times the model's plus weight times those; `weight` is in 0..1."""

    @abstractmethod
    def sample(
        self, n: int, top_k: int = 0, top_p: float = 1.0, temperature: float = 1.0, length: int = 32, seed: int = 0
    ) -> list[list[int]]:
        """n rows drawn from the model, without their ends."""

    @abstractmethod
    def likelihood(self, texts: Sequence[str]) -> Tensor:
        """[n]: the mean log probability of each text's tokens and of its end."""


class Proposal(NamedTuple):
    """[n, k] each, likeliest first: `ids`, their probabilities over the whole vocabulary, what of these was `recalled`, and
    `penalties`, the largest cosine of the hidden state after a token with those before it (Su et al., arXiv 2202.06417,
    equation 5). `alone` [n] is the token that the model finds likeliest without what is recalled, `alone_probabilities` [n]
    the probability that it gives it."""

    ids: Tensor
    probabilities: Tensor
    recalled: Tensor
    penalties: Tensor
    alone: Tensor
    alone_probabilities: Tensor


class ImageEncoder(Model):
    """Looks at a picture once; what is asked about it afterwards costs little."""

    @abstractmethod
    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """All that later questions about this picture need, as tensors on the CPU."""


class Segmenter(ImageEncoder):
    """Cuts out of a picture what phrases name."""

    @abstractmethod
    def segment(self, encoding: Mapping[str, Tensor], prompts: Sequence[str]) -> dict[str, Tensor]:
        """{"logits": [n, h, w]}, a map of the whole picture for each prompt: P(prompt is here) = sigmoid(logit).
        Maps that led to it follow under names that say what they are, first to last. float32 on the CPU."""

    @classmethod
    @abstractmethod
    def segment_program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch`, `image` (PIL) and `prompts` (str), leaves `logits` [n, h, w]."""


class ImagePrompted(Segmenter):
    """Takes pictures in place of phrases, too."""

    @abstractmethod
    def segment_like(self, encoding: Mapping[str, Tensor], examples: Sequence[Image]) -> dict[str, Tensor]:
        """As `segment`, for what each example picture shows."""


class Refiner(ImageEncoder):
    """Draws one object's mask from clicks and a box."""

    @abstractmethod
    def refine(
        self,
        encoding: Mapping[str, Tensor],
        points: Sequence[tuple[float, float, bool]],
        box: tuple[float, float, float, float] | None,
    ) -> Tensor:
        """[h, w] logits over the whole picture. A point is (x, y, on the object?), a box (x0, y0, x1, y1), in pixels."""


class Answerer(ImageEncoder):
    """Answers questions about a picture."""

    @abstractmethod
    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """For each question its answers with their confidences in 0..1, most likely first: five, or fewer where the
        model has fewer."""

    @classmethod
    @abstractmethod
    def answer_program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch`, `image` (PIL) and `question`, leaves `answers`, the same dict."""


class AttentiveAnswerer(Answerer):
    """Can say which patches its answer leaned on."""

    @abstractmethod
    def relevance(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Relevance:
        """How much each patch mattered to the first answer, word by word. `shuffled` asks the same of a copy whose
        weights were shuffled: a map that looks the same there says nothing (Adebayo et al., arXiv 1810.03292)."""


class Relevance(NamedTuple):
    """`maps` [words, h, w], each in 0..1 and over the whole picture, one for each of `words`."""

    words: list[str]
    maps: Tensor


class Captioner(ImageEncoder):
    """Describes a picture in words of its own."""

    @abstractmethod
    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        """Its captions with their confidences in 0..1, most likely first: five at most."""

    @classmethod
    @abstractmethod
    def caption_program(cls, model_id: str) -> str:
        """Plain `transformers` code that, given `torch` and `image` (PIL), leaves `captions`, the same dict."""


class AttentiveCaptioner(Captioner):
    """Can say where it looked for each word."""

    @abstractmethod
    def attention(self, encoding: Mapping[str, Tensor], caption: str) -> Relevance:
        """For each word of this caption of the picture, its own or another, where the model looked when it was to write it."""
