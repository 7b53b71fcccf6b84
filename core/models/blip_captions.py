"""BLIP for captions (Li et al., 2022, arXiv 2201.12086): a decoder that reads the vision tower's patches as it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.models import Family, register
from core.models._beams import BEAMS, CAPTION_TOKENS, SHOWN, PictureWriter, beam_texts, sum_lines
from core.models.base import Captioner, Spec

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Li et al., 2022, arXiv 2201.12086"
NOTE = "size and licence not checked on the hub"


class BLIPCaptioner(PictureWriter, Captioner):
    """BlipForConditionalGeneration, without a prompt."""

    model_class = "BlipForConditionalGeneration"
    eyes = "vision_model"

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        """What `BlipForConditionalGeneration.generate` does after its vision tower."""
        import torch

        text = self.model.config.text_config
        seen = encoding["image_features"].to(self.model.device, self.model.dtype)
        written = self.model.text_decoder.generate(
            input_ids=torch.tensor([[text.bos_token_id]], device=seen.device),
            eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id,
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
            max_new_tokens=CAPTION_TOKENS,
            **BEAMS,
        )
        return beam_texts(self.tokenizer, written, prompt=1)


PROGRAM = f"""\
from transformers import AutoProcessor, BlipForConditionalGeneration

model = BlipForConditionalGeneration.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
inputs = processor(images=image, return_tensors="pt")
beams = dict({SHOWN})
written = model.generate(**inputs, max_new_tokens={CAPTION_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, 1:], skip_special_tokens=True)
{sum_lines("captions")}"""

register(
    Family(
        name="blip-captions",
        adapter=BLIPCaptioner,
        architectures=("BlipForConditionalGeneration",),
        specs=(
            Spec("Salesforce/blip-image-captioning-base", "BSD-3-Clause", 990, CITATION, NOTE),
            Spec("Salesforce/blip-image-captioning-large", "BSD-3-Clause", 1880, CITATION, NOTE),
        ),
    )
)
