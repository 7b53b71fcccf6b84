# SPDX-License-Identifier: Apache-2.0

"""GIT (Wang et al., 2022, arXiv 2205.14100): one decoder that reads CLIP's patches and a prompt, and goes on writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.models.abilities import Answerer, Captioner
from core.models.family import Family, Spec, register
from core.models.layers.beam_search import (
    ANSWER_TOKENS,
    BEAM_SETTINGS,
    CAPTION_TOKENS,
    ImageToText,
    beam_lines,
    beam_texts,
)
from core.models.loading import weight_bytes

if TYPE_CHECKING:
    from torch import Tensor


CITATION = "Wang et al., 2022, arXiv 2205.14100"


class GIT(ImageToText):
    """GitForCausalLM, in which the vision tower is replaced by a module that passes its features through: pictures are
    encoded once, by the tower itself."""

    model_class = "GitForCausalLM"
    tower_name = "git.image_encoder"

    def __init__(self, model: Any, processor: Any) -> None:
        super().__init__(model, processor)
        model.git.image_encoder = _features_module()

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.vision_tower)

    def continuations(self, encoding: Mapping[str, Tensor], prompt: Sequence[int], new_tokens: int) -> dict[str, float]:
        """What it writes after [CLS] and the prompt's tokens, which are cut where its positions end, with confidences."""
        import torch

        features = encoding["image_features"].to(self.model.device, self.model.dtype)
        longest = min(512, self.model.config.max_position_embeddings - new_tokens - features.shape[1])
        begun = [self.tokenizer.cls_token_id, *prompt][:longest]
        written = self.model.generate(
            pixel_values=features[:, None],
            input_ids=torch.tensor([begun], device=features.device),
            max_new_tokens=new_tokens,
            **BEAM_SETTINGS,
        )
        return beam_texts(self.tokenizer, written, len(begun))


def _features_module() -> Any:
    """Stands in the vision tower's place and returns its features, which are given in place of pixels: [n, 1, patches, d]."""
    from torch import nn
    from transformers.modeling_outputs import BaseModelOutput

    class Features(nn.Module):
        def forward(self, features: Tensor, **_: Any) -> Any:
            return BaseModelOutput(last_hidden_state=features[:, 0])

    return Features()


NOTE = "size and licence not checked on the hub"


class GITCaptioner(GIT, Captioner):
    """After [CLS] alone, as in its documentation."""

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return CAPTION_PROGRAM.replace("{model_id}", model_id)

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        return self.continuations(encoding, [], CAPTION_TOKENS)


CAPTION_PROGRAM = f"""\
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
pixel_values = processor(images=image, return_tensors="pt").pixel_values
{beam_lines("captions", "pixel_values=pixel_values", CAPTION_TOKENS)}"""

register(
    Family(
        name="git-captions",
        adapter=GITCaptioner,
        # No architectures: a folder says GitForCausalLM whichever of the two it learned, and is offered for questions.
        specs=(
            Spec("microsoft/git-base-coco", "MIT", 707, CITATION, NOTE),
            Spec("microsoft/git-large-coco", "MIT", 1577, CITATION, NOTE),
        ),
    )
)


class GITAnswerer(GIT, Answerer):
    """After [CLS] and the question, as in its documentation; the prompt is dropped from what it writes."""

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return ANSWER_PROGRAM.replace("{model_id}", model_id)

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """One question at a time: its positions count from the first token, so shorter ones cannot be padded."""
        prompts = [self.tokenizer(question, add_special_tokens=False)["input_ids"] for question in questions]
        return [self.continuations(encoding, prompt, ANSWER_TOKENS) for prompt in prompts]


ANSWER_PROGRAM = f"""\
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
pixel_values = processor(images=image, return_tensors="pt").pixel_values
prompt = [processor.tokenizer.cls_token_id] + processor(text=question, add_special_tokens=False).input_ids
input_ids = torch.tensor([prompt])
{beam_lines("answers", "pixel_values=pixel_values, input_ids=input_ids", ANSWER_TOKENS, prompt="len(prompt) ")}"""

register(
    Family(
        name="git-vqa",
        adapter=GITAnswerer,
        architectures=("GitForCausalLM",),
        specs=(Spec("microsoft/git-base-vqav2", "MIT", 709, CITATION),),
    )
)
