"""GIT for questions (Wang et al., 2022, arXiv 2205.14100): it reads the question after the picture, and writes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.models import Family, register
from core.models._beams import ANSWER_TOKENS, SHOWN, sum_lines
from core.models._git import CITATION, GIT
from core.models.base import Answerer, Spec

if TYPE_CHECKING:
    from torch import Tensor


class GITAnswerer(GIT, Answerer):
    """After [CLS] and the question, as in its documentation; the prompt is dropped from what it writes."""

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """One question at a time: its positions count from the first token, so shorter ones cannot be padded."""
        prompts = [self.tokenizer(question, add_special_tokens=False)["input_ids"] for question in questions]
        return [self.continuations(encoding, prompt, ANSWER_TOKENS) for prompt in prompts]


PROGRAM = f"""\
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
pixel_values = processor(images=image, return_tensors="pt").pixel_values
prompt = [processor.tokenizer.cls_token_id] + processor(text=question, add_special_tokens=False).input_ids
beams = dict({SHOWN})
input_ids = torch.tensor([prompt])
written = model.generate(pixel_values=pixel_values, input_ids=input_ids, max_new_tokens={ANSWER_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, len(prompt) :], skip_special_tokens=True)
{sum_lines("answers")}"""

register(
    Family(
        name="git-vqa",
        adapter=GITAnswerer,
        architectures=("GitForCausalLM",),
        specs=(Spec("microsoft/git-base-vqav2", "MIT", 709, CITATION),),
    )
)
