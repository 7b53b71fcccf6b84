# SPDX-License-Identifier: Apache-2.0

"""A vision transformer and a language model joined by cross-attention, as in TrOCR (Li et al., 2021, arXiv 2109.10282)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.models.abilities import AttentiveCaptioner, Attribution
from core.models.family import Family, Spec, register
from core.models.layers.beam_search import BEAM_SETTINGS, CAPTION_TOKENS, ImageToText, beam_lines, beam_texts
from core.models.loading import from_folder

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class EncoderDecoder(ImageToText, AttentiveCaptioner):
    """VisionEncoderDecoderModel: any vision tower, and GPT-2 with cross-attention to its patches."""

    model_class = "VisionEncoderDecoderModel"
    tower_name = "encoder"

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> EncoderDecoder:
        """Such folders keep the processor of pictures and the tokenizer apart."""
        from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

        model = from_folder(VisionEncoderDecoderModel, path, dtype).to(device).eval()
        model.decoder.set_attn_implementation("eager")  # the only one that gives its weights
        processor = AutoImageProcessor.from_pretrained(path, backend="pil", local_files_only=True)
        return cls(model, processor, AutoTokenizer.from_pretrained(path, local_files_only=True))

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        from transformers.modeling_outputs import BaseModelOutput

        features = encoding["image_features"].to(self.model.device, self.model.dtype)
        outputs = BaseModelOutput(last_hidden_state=features)
        written = self.model.generate(encoder_outputs=outputs, max_new_tokens=CAPTION_TOKENS, **BEAM_SETTINGS)
        return beam_texts(self.tokenizer, written, prompt=1)

    def attention(self, encoding: Mapping[str, Tensor], caption: str) -> Attribution:
        """The decoder's cross-attention to the patches, mean over layers and heads; class tokens are left out."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        from core.models.layers.attribution import without_spaces, word_maps

        tokens = self.tokenizer(caption, return_offsets_mapping=True)
        features = encoding["image_features"].to(self.model.device, self.model.dtype)
        start = self.model.config.decoder_start_token_id
        output = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=features),
            decoder_input_ids=torch.tensor([[start, *tokens["input_ids"]]], device=self.model.device),
            output_attentions=True,
        )
        weights = (
            torch.stack(output.cross_attentions).float().mean((0, 2))[0, :-1]
        )  # of a token, not of what follows it
        side = math.isqrt(features.shape[1])
        return word_maps(weights, caption, without_spaces(caption, tokens["offset_mapping"]), (side, side))


PROGRAM = f"""\
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

model = VisionEncoderDecoderModel.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoImageProcessor.from_pretrained("{{model_id}}", backend="pil")
tokenizer = AutoTokenizer.from_pretrained("{{model_id}}")
pixel_values = processor(images=image.convert("RGB"), return_tensors="pt").pixel_values
{beam_lines("captions", "pixel_values=pixel_values", CAPTION_TOKENS, decoder="tokenizer")}"""

register(
    Family(
        name="vision-encoder-decoder",
        adapter=EncoderDecoder,
        architectures=("VisionEncoderDecoderModel",),
        specs=(
            Spec(
                "nlpconnect/vit-gpt2-image-captioning",
                "Apache-2.0",
                980,
                "nlpconnect, 2022; ViT (Dosovitskiy et al., 2020, arXiv 2010.11929) joined to GPT-2",
                "its repository may hold pickled weights only, and those are never loaded; size not checked on the hub",
            ),
        ),
    )
)
