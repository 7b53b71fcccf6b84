"""GIT (Wang et al., 2022, arXiv 2205.14100): one decoder that reads CLIP's patches and the question, and writes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models import Family, register
from core.models.base import Answerer, Spec, from_folder, weight_bytes
from core.models.blip_vqa import BEAMS, NEW_TOKENS, SHOWN, SUM_LINES, beam_answers

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class GIT(Answerer):
    """GitForCausalLM after [CLS] and the question, as in its documentation; the prompt is dropped from what it writes.
    Confidences are those of its five beams, as in BLIP's adapter."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.eyes = model.git.image_encoder
        model.git.image_encoder = _seen()

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> GIT:
        from transformers import AutoProcessor, GitForCausalLM

        model = from_folder(GitForCausalLM, path, dtype).to(device).eval()
        return cls(model, AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True))

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.eyes)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_features` [1, 1 + patches, d], the vision tower's."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        seen = self.eyes(pixels.to(self.model.device, self.model.dtype)).last_hidden_state
        return {"image_features": seen.float().cpu()}

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """One question at a time: its positions count from the first token, so shorter ones cannot be padded."""
        import torch

        seen = encoding["image_features"].to(self.model.device, self.model.dtype)
        config = self.model.config
        longest = min(512, config.max_position_embeddings - NEW_TOKENS - seen.shape[1])
        answers = []
        for question in questions:
            tokens = self.processor.tokenizer(question, add_special_tokens=False)["input_ids"]
            prompt = [self.processor.tokenizer.cls_token_id, *tokens][:longest]
            written = self.model.generate(
                pixel_values=seen[:, None],
                input_ids=torch.tensor([prompt], device=seen.device),
                max_new_tokens=NEW_TOKENS,
                **BEAMS,
            )
            answers.append(beam_answers(self.processor.tokenizer, written, len(prompt)))
        return answers


def _seen() -> Any:
    """Stands in the vision tower's place and returns what that had seen of the picture: [n, 1, patches, d] for pixels."""
    from torch import nn
    from transformers.modeling_outputs import BaseModelOutput

    class Seen(nn.Module):
        def forward(self, features: Tensor, **_: Any) -> Any:
            return BaseModelOutput(last_hidden_state=features[:, 0])

    return Seen()


PROGRAM = f"""\
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
pixel_values = processor(images=image, return_tensors="pt").pixel_values
prompt = [processor.tokenizer.cls_token_id] + processor(text=question, add_special_tokens=False).input_ids
beams = dict({SHOWN})
input_ids = torch.tensor([prompt])
written = model.generate(pixel_values=pixel_values, input_ids=input_ids, max_new_tokens={NEW_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, len(prompt) :], skip_special_tokens=True)
{SUM_LINES}"""

register(
    Family(
        name="git-vqa",
        adapter=GIT,
        architectures=("GitForCausalLM",),
        specs=(Spec("microsoft/git-base-vqav2", "MIT", 709, "Wang et al., 2022, arXiv 2205.14100"),),
    )
)
