"""What the families that write about a picture share: one look at it, then beam search, whose beams become texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL.Image import Image

from core.models.abilities import ImageEncoder
from core.models.loading import from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Beam search that keeps five texts. Without a length penalty a beam's score is its sequence's log-probability.
BEAMS = {
    "num_beams": 5,
    "num_return_sequences": 5,
    "length_penalty": 0.0,
    "do_sample": False,
    "min_new_tokens": 1,
    "return_dict_in_generate": True,
    "output_scores": True,
}
SHOWN = ", ".join(f"{name}={value!r}" for name, value in BEAMS.items())
ANSWER_TOKENS = 10
CAPTION_TOKENS = 30  # COCO's captions have about eleven words


class PictureWriter(ImageEncoder):
    """A model of `transformers` with a vision tower, which `eyes` names, and a decoder that reads what it saw. Its
    confidences are the five beams' probabilities, scaled to add up to one: texts that no beam reached do not count."""

    model_class: ClassVar[str]
    eyes: ClassVar[str]

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = tokenizer
        self.tower = model.get_submodule(self.eyes)

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> PictureWriter:
        import transformers

        model = from_folder(getattr(transformers, cls.model_class), path, dtype).to(device).eval()
        processor = transformers.AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True)
        return cls(model, processor, processor.tokenizer)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_features` [1, patches, d], the vision tower's, its class token among them."""
        rgb = image.convert("RGB")  # not every processor does that
        pixels = self.processor(images=rgb, return_tensors="pt")["pixel_values"]
        seen = self.tower(pixels.to(self.model.device, self.model.dtype)).last_hidden_state
        return {"image_features": seen.float().cpu()}


def beam_texts(tokenizer: Any, written: Any, prompt: int) -> dict[str, float]:
    """One prompt's beams as texts, without their first `prompt` tokens, and the softmax of their log-probabilities,
    most likely first. Beams that write the same text count together."""
    texts = tokenizer.batch_decode(written.sequences[:, prompt:], skip_special_tokens=True)
    found: dict[str, float] = {}
    for text, probability in zip(texts, written.sequences_scores.float().softmax(-1).tolist(), strict=True):
        found[text.strip()] = found.get(text.strip(), 0.0) + probability
    return dict(sorted(found.items(), key=lambda beam: -beam[1]))


def sum_lines(name: str) -> str:
    """The last lines of a program that writes: its `written` and `texts` lead to the dict called `name`."""
    return f"""\
{name} = {{}}
for text, p in zip(texts, written.sequences_scores.softmax(-1).tolist()):  # log-probabilities of five beams
    {name}[text.strip()] = {name}.get(text.strip(), 0.0) + p
{name} = dict(sorted({name}.items(), key=lambda beam: -beam[1]))
"""
