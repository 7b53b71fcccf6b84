"""What a model is to the lab: an adapter class with abilities, loaded from a folder of safetensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from PIL.Image import Image

from core.errors import UserError

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


class Anchor(NamedTuple):
    """One anchor's part in a similarity: its product is added to the score."""

    name: str
    image: float
    text: float
    product: float


class Scale(NamedTuple):
    """How cosines become logits: `scale * cosine + bias`. `sigmoid` if trained with SigLIP's loss."""

    scale: float
    bias: float = 0.0
    sigmoid: bool = False


class DualEncoder(Model):
    """Images and texts as unit vectors of one space, so that their dot product is a similarity."""

    snippet: ClassVar[str]
    """Lines of plain `transformers` code that, given `images` (PIL) and `texts` (str) and with {id} filled
    in, leave `image_embeds` [n, d] and `text_embeds` [m, d] of unit norm, `scale` and `bias`."""

    @abstractmethod
    def embed_images(self, images: Sequence[Image]) -> Tensor:
        """[n, d] float32 on the CPU, unit norm."""

    @abstractmethod
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """[n, d] float32 on the CPU, unit norm."""

    @abstractmethod
    def scale(self) -> Scale: ...


class Matcher(Model):
    """Reads an image and a text together and says how well they match."""

    @abstractmethod
    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        """[n] float32 on the CPU: the probability that the text describes the image."""


class TransformersPair(DualEncoder):
    """A contrastive model of `transformers` whose forward is scale * cosine + bias. Most families need no
    more than `model_class`; the others override a method."""

    model_class: ClassVar[str]
    text_options: ClassVar[dict[str, Any]] = {"padding": True, "truncation": True}
    sigmoid: ClassVar[bool] = False
    snippet = """\
from transformers import AutoProcessor, {model_class}

model = {model_class}.from_pretrained("{id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{id}", backend="pil")
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():
    outputs = model(**inputs)
image_embeds, text_embeds = outputs.image_embeds, outputs.text_embeds
scale, bias = model.logit_scale.exp().item(), 0.0
"""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> TransformersPair:
        import transformers

        model = from_folder(getattr(transformers, cls.model_class), path, dtype).to(device).eval()
        return cls(model, transformers.AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True))

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model)

    def embed_images(self, images: Sequence[Image]) -> Tensor:
        inputs = self.processor(images=list(images), return_tensors="pt")
        return unit(self.image_features(inputs["pixel_values"].to(self.model.device, self.model.dtype)))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        inputs = self.processor(text=list(texts), return_tensors="pt", **self.text_options)
        return unit(self.text_features(inputs.to(self.model.device)))

    def image_features(self, pixel_values: Tensor) -> Tensor:
        features: Tensor = self.model.get_image_features(pixel_values=pixel_values).pooler_output
        return features

    def text_features(self, inputs: Any) -> Tensor:
        features: Tensor = self.model.get_text_features(**inputs).pooler_output
        return features

    def scale(self) -> Scale:
        bias = getattr(self.model, "logit_bias", None)
        return Scale(self.model.logit_scale.exp().item(), 0.0 if bias is None else bias.item(), self.sigmoid)


def from_folder(model_class: Any, path: Path, dtype: torch.dtype) -> Any:
    """`from_pretrained` on a local folder: safetensors only, no remote code, no network."""
    if not list(path.glob("*.safetensors")):
        raise UserError(
            f"The model in {path.name!r} has no safetensors weights. Pickled weights (.bin, .pt) are never loaded, because they can run code: convert them with save_pretrained first."
        )
    return model_class.from_pretrained(
        path, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )


def unit(vectors: Tensor) -> Tensor:
    """Unit norm along the last axis, float32, on the CPU."""
    import torch

    return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu()


def weight_bytes(*modules: Any) -> int:
    return sum(p.numel() * p.element_size() for module in modules for p in module.parameters())


@dataclass(frozen=True)
class Spec:
    """One checkpoint, as the picker shows it."""

    id: str  # hub id; "embedded"; or the name of a local folder
    licence: str
    megabytes: int  # download, or size on disk
    citation: str
    note: str = ""
    family: str = ""  # filled in when registered
    path: Path | None = None  # a local folder instead of the hub
