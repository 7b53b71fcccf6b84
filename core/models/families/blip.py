# SPDX-License-Identifier: Apache-2.0

"""BLIP (Li et al., 2022, arXiv 2201.12086): contrast and matching for retrieval, a decoder for captions and for answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import Answerer, Captioner, Matcher, Scale
from core.models.family import Family, Spec, register
from core.models.layers.beam_search import (
    ANSWER_TOKENS,
    BEAM_SETTINGS,
    CAPTION_TOKENS,
    ImageToText,
    beam_lines,
    beam_texts,
)
from core.models.layers.dual_encoder import TransformersPair

if TYPE_CHECKING:
    from torch import Tensor


CITATION = "Li et al., 2022, arXiv 2201.12086"
# Published checkpoints leave out the learned temperature; this is the value its training begins with.
TEMPERATURE = 0.07


class BLIP(TransformersPair, Matcher):
    """BlipForImageTextRetrieval: its contrastive (ITC) head as a dual encoder, its matching (ITM) head as a matcher."""

    model_class = "BlipForImageTextRetrieval"
    embed_lines = """\
inputs = processor(text=texts, images=images, return_tensors="pt", {text_options})
with torch.inference_mode():
    image_states = model.vision_model(inputs["pixel_values"]).last_hidden_state
    text_states = model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
    image_embeds = torch.nn.functional.normalize(model.vision_proj(image_states[:, 0]), dim=-1)
    text_embeds = torch.nn.functional.normalize(model.text_proj(text_states[:, 0]), dim=-1)"""
    scale_line = f"scale, bias = 1 / {TEMPERATURE}, 0.0  # the checkpoint leaves out its learned temperature"

    def image_features(self, pixel_values: Tensor) -> Tensor:
        features: Tensor = self.model.vision_proj(self.model.vision_model(pixel_values).last_hidden_state[:, 0])
        return features

    def text_features(self, inputs: Any) -> Tensor:
        hidden = self.model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
        features: Tensor = self.model.text_proj(hidden[:, 0])
        return features

    def read_scale(self) -> Scale:
        return Scale(1 / TEMPERATURE)

    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:

        images = {id(image): image for image, _ in pairs}  # one picture beside many texts is encoded once
        order = list(images)
        features = self.model.vision_model(self.pixels(list(images.values()))).last_hidden_state
        features = features[[order.index(id(image)) for image, _ in pairs]]
        inputs = self.tokens([text for _, text in pairs])
        hidden = self.model.text_encoder(
            inputs["input_ids"], inputs["attention_mask"], **attending_to(features)
        ).last_hidden_state
        return self.model.itm_head(hidden[:, 0]).float().softmax(-1)[:, 1].cpu()  # type: ignore[no-any-return]


def attending_to(states: Tensor) -> dict[str, Tensor]:
    """Arguments of BLIP's text models for cross-attention to all of `states` [n, length, d]."""
    import torch

    mask = torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
    return {"encoder_hidden_states": states, "encoder_attention_mask": mask}


register(
    Family(
        name="blip",
        adapter=BLIP,
        architectures=("BlipForImageTextRetrieval",),
        specs=(
            Spec("Salesforce/blip-itm-base-coco", "BSD-3-Clause", 895, CITATION),
            Spec("Salesforce/blip-itm-large-coco", "BSD-3-Clause", 1785, CITATION),
        ),
    )
)


NOTE = "size and licence not checked on the hub"


class BLIPWriter(ImageToText):
    """What its captioner and its answerer share: the decoder after the vision tower."""

    tower_name = "vision_model"

    def write(self, states: Tensor, new_tokens: int) -> dict[str, float]:
        """Texts with their confidences from the states [1, length, d] that the decoder attends to."""
        import torch

        text = self.model.config.text_config
        written = self.model.text_decoder.generate(
            input_ids=torch.tensor([[text.bos_token_id]], device=states.device),
            eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id,
            max_new_tokens=new_tokens,
            **attending_to(states),
            **BEAM_SETTINGS,
        )
        return beam_texts(self.tokenizer, written, prompt=1)


class BLIPCaptioner(BLIPWriter, Captioner):
    """BlipForConditionalGeneration, without a prompt."""

    model_class = "BlipForConditionalGeneration"

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return CAPTION_PROGRAM.replace("{model_id}", model_id)

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        """What `BlipForConditionalGeneration.generate` does after its vision tower."""
        return self.write(encoding["image_features"].to(self.model.device, self.model.dtype), CAPTION_TOKENS)


CAPTION_PROGRAM = f"""\
from transformers import AutoProcessor, BlipForConditionalGeneration

model = BlipForConditionalGeneration.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
inputs = processor(images=image, return_tensors="pt")
{beam_lines("captions", "**inputs", CAPTION_TOKENS)}"""

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


class BLIPAnswerer(BLIPWriter, Answerer):
    """BlipForQuestionAnswering: its text encoder reads question and picture, its decoder writes the answer."""

    model_class = "BlipForQuestionAnswering"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return ANSWER_PROGRAM.replace("{model_id}", model_id)

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """What `BlipForQuestionAnswering.generate` does after its vision tower. The questions are encoded in one batch but
        answered one by one: the decoder of transformers 5 would attend to the padding of the shorter ones."""
        if not questions:
            return []
        longest = self.model.config.text_config.max_position_embeddings
        options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
        inputs = self.tokenizer(list(questions), **options).to(self.model.device)
        features = encoding["image_features"].to(self.model.device, self.model.dtype).expand(len(questions), -1, -1)
        hidden = self.model.text_encoder(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], **attending_to(features)
        ).last_hidden_state
        each = zip(hidden, inputs["attention_mask"], strict=True)
        return [self.write(states[None, mask.bool()], ANSWER_TOKENS) for states, mask in each]


ANSWER_PROGRAM = f"""\
from transformers import AutoProcessor, BlipForQuestionAnswering

model = BlipForQuestionAnswering.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
longest = model.config.text_config.max_position_embeddings
inputs = processor(image, question, truncation=True, max_length=longest, return_tensors="pt")
{beam_lines("answers", "**inputs", ANSWER_TOKENS)}"""

register(
    Family(
        name="blip-vqa",
        adapter=BLIPAnswerer,
        architectures=("BlipForQuestionAnswering",),
        specs=(Spec("Salesforce/blip-vqa-base", "BSD-3-Clause", 1540, CITATION),),
    )
)
