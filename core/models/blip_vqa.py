"""BLIP for questions (Li et al., 2022, arXiv 2201.12086): its encoder reads the question, its decoder writes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models import Family, register
from core.models.base import Answerer, Spec, from_folder, weight_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Beam search that keeps five answers. Without a length penalty a beam's score is its sequence's log-probability.
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
NEW_TOKENS = 10


class BLIPAnswerer(Answerer):
    """BlipForQuestionAnswering. Its confidences are the five beams' probabilities, scaled to add up to one: the
    answers that no beam reached do not count."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> BLIPAnswerer:
        from transformers import AutoProcessor, BlipForQuestionAnswering

        model = from_folder(BlipForQuestionAnswering, path, dtype).to(device).eval()
        return cls(model, AutoProcessor.from_pretrained(path, backend="pil", local_files_only=True))

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_embeds` [1, 1 + patches, d], the vision tower's."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        seen = self.model.vision_model(pixels.to(self.model.device, self.model.dtype)).last_hidden_state
        return {"image_embeds": seen.float().cpu()}

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """What `BlipForQuestionAnswering.generate` does after its vision tower. The questions are read in one batch but
        answered one by one: the decoder of transformers 5 would look at the padding of the shorter ones."""
        import torch

        if not questions:
            return []
        text = self.model.config.text_config
        options = {"padding": True, "truncation": True, "max_length": text.max_position_embeddings}
        inputs = self.processor(text=list(questions), return_tensors="pt", **options).to(self.model.device)
        seen = encoding["image_embeds"].to(self.model.device, self.model.dtype).expand(len(questions), -1, -1)
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
                max_new_tokens=NEW_TOKENS,
                **BEAMS,
            )
            answers.append(beam_answers(self.processor.tokenizer, written, prompt=1))
        return answers


def beam_answers(tokenizer: Any, written: Any, prompt: int) -> dict[str, float]:
    """One question's beams as texts, without the first `prompt` tokens, and the softmax of their log-probabilities,
    most likely first. Beams that write the same text count together."""
    texts = tokenizer.batch_decode(written.sequences[:, prompt:], skip_special_tokens=True)
    found: dict[str, float] = {}
    for text, probability in zip(texts, written.sequences_scores.float().softmax(-1).tolist(), strict=True):
        found[text.strip()] = found.get(text.strip(), 0.0) + probability
    return dict(sorted(found.items(), key=lambda answer: -answer[1]))


# The last lines of each program that writes its answers: `written` and `texts` lead to `answers`.
SUM_LINES = """\
answers = {}
for text, p in zip(texts, written.sequences_scores.softmax(-1).tolist()):  # log-probabilities of five beams
    answers[text.strip()] = answers.get(text.strip(), 0.0) + p
answers = dict(sorted(answers.items(), key=lambda answer: -answer[1]))
"""
PROGRAM = f"""\
from transformers import AutoProcessor, BlipForQuestionAnswering

model = BlipForQuestionAnswering.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
longest = model.config.text_config.max_position_embeddings
inputs = processor(image, question, truncation=True, max_length=longest, return_tensors="pt")
beams = dict({SHOWN})
written = model.generate(**inputs, max_new_tokens={NEW_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, 1:], skip_special_tokens=True)
{SUM_LINES}"""

register(
    Family(
        name="blip-vqa",
        adapter=BLIPAnswerer,
        architectures=("BlipForQuestionAnswering",),
        specs=(Spec("Salesforce/blip-vqa-base", "BSD-3-Clause", 1540, "Li et al., 2022, arXiv 2201.12086"),),
    )
)
