"""BLIP for questions (Li et al., 2022, arXiv 2201.12086): its encoder reads the question, its decoder writes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.models import Family, register
from core.models._beams import ANSWER_TOKENS, BEAMS, SHOWN, PictureWriter, beam_texts, sum_lines
from core.models.base import Answerer, Spec

if TYPE_CHECKING:
    from torch import Tensor


class BLIPAnswerer(PictureWriter, Answerer):
    model_class = "BlipForQuestionAnswering"
    eyes = "vision_model"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """What `BlipForQuestionAnswering.generate` does after its vision tower. The questions are read in one batch but
        answered one by one: the decoder of transformers 5 would look at the padding of the shorter ones."""
        import torch

        if not questions:
            return []
        text = self.model.config.text_config
        options = {"padding": True, "truncation": True, "max_length": text.max_position_embeddings}
        inputs = self.tokenizer(list(questions), return_tensors="pt", **options).to(self.model.device)
        seen = encoding["image_features"].to(self.model.device, self.model.dtype).expand(len(questions), -1, -1)
        read = self.model.text_encoder(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        answers = []
        for states, mask in zip(read, inputs["attention_mask"], strict=True):
            written = self.model.text_decoder.generate(
                input_ids=torch.tensor([[text.bos_token_id]], device=seen.device),
                eos_token_id=text.sep_token_id,
                pad_token_id=text.pad_token_id,
                encoder_hidden_states=states[None, mask.bool()],
                encoder_attention_mask=mask[None, mask.bool()],
                max_new_tokens=ANSWER_TOKENS,
                **BEAMS,
            )
            answers.append(beam_texts(self.tokenizer, written, prompt=1))
        return answers


PROGRAM = f"""\
from transformers import AutoProcessor, BlipForQuestionAnswering

model = BlipForQuestionAnswering.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
longest = model.config.text_config.max_position_embeddings
inputs = processor(image, question, truncation=True, max_length=longest, return_tensors="pt")
beams = dict({SHOWN})
written = model.generate(**inputs, max_new_tokens={ANSWER_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, 1:], skip_special_tokens=True)
{sum_lines("answers")}"""

register(
    Family(
        name="blip-vqa",
        adapter=BLIPAnswerer,
        architectures=("BlipForQuestionAnswering",),
        specs=(Spec("Salesforce/blip-vqa-base", "BSD-3-Clause", 1540, "Li et al., 2022, arXiv 2201.12086"),),
    )
)
