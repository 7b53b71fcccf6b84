# SPDX-License-Identifier: Apache-2.0

"""What the families that write about a picture share: it is encoded once, then beam search writes, and its beams become texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from PIL.Image import Image

from core.models.abilities import ImageEncoder
from core.models.layers.transformers_model import TransformersModel

if TYPE_CHECKING:
    from torch import Tensor

# Beam search that keeps five texts. Without a length penalty a beam's score is its sequence's log-probability.
BEAM_SETTINGS = {
    "num_beams": 5,
    "num_return_sequences": 5,
    "length_penalty": 0.0,
    "do_sample": False,
    "min_new_tokens": 1,
    "return_dict_in_generate": True,
    "output_scores": True,
}
BEAM_ARGUMENTS = ", ".join(f"{name}={value!r}" for name, value in BEAM_SETTINGS.items())  # as a program writes them
ANSWER_TOKENS = 10
CAPTION_TOKENS = 30  # COCO's captions have about eleven words


class ImageToText(TransformersModel, ImageEncoder):
    """A model of `transformers` with a vision tower, the submodule called `tower_name`, and a decoder that reads its
    features. Confidences are the five beams' probabilities, scaled to add up to one: texts that no beam reached do not
    count."""

    tower_name: ClassVar[str]

    def __init__(self, model: Any, processor: Any, tokenizer: Any = None) -> None:
        super().__init__(model, processor)
        self.tokenizer = tokenizer or processor.tokenizer
        self.vision_tower = model.get_submodule(self.tower_name)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_features` [1, patches, d], the vision tower's, its class token among them."""
        rgb = image.convert("RGB")  # not every processor does that
        pixels = self.processor(images=rgb, return_tensors="pt")["pixel_values"]
        features = self.vision_tower(pixels.to(self.model.device, self.model.dtype)).last_hidden_state
        return {"image_features": features.float().cpu()}


def beam_texts(tokenizer: Any, written: Any, prompt: int) -> dict[str, float]:
    """One prompt's beams as texts, without their first `prompt` tokens, and the softmax of their log-probabilities,
    most likely first. Beams that write the same text count together."""
    texts = tokenizer.batch_decode(written.sequences[:, prompt:], skip_special_tokens=True)
    found: dict[str, float] = {}
    for text, probability in zip(texts, written.sequences_scores.float().softmax(-1).tolist(), strict=True):
        found[text.strip()] = found.get(text.strip(), 0.0) + probability
    return dict(sorted(found.items(), key=lambda beam: -beam[1]))


def beam_lines(name: str, inputs: str, new_tokens: int, prompt: str = "1", decoder: str = "processor") -> str:
    """The last lines of a program that writes: from the arguments `inputs` of its `model` to the dict called `name`; the
    first `prompt` tokens of a sequence are not shown."""
    return f"""\
beams = dict({BEAM_ARGUMENTS})
written = model.generate({inputs}, max_new_tokens={new_tokens}, **beams)
texts = {decoder}.batch_decode(written.sequences[:, {prompt}:], skip_special_tokens=True)
{name} = {{}}
for text, p in zip(texts, written.sequences_scores.softmax(-1).tolist()):  # log-probabilities of five beams
    {name}[text.strip()] = {name}.get(text.strip(), 0.0) + p
{name} = dict(sorted({name}.items(), key=lambda beam: -beam[1]))
"""
