"""BLIP (Li et al., 2022, arXiv 2201.12086): contrast and matching for retrieval, a decoder for captions and for answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.abilities import Answerer, Captioner, Matcher, Scale
from core.models.family import Family, Spec, register
from core.models.layers.beam_search import (
    ANSWER_TOKENS,
    BEAMS,
    CAPTION_TOKENS,
    SHOWN,
    PictureWriter,
    beam_texts,
    sum_lines,
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
    seen = model.vision_model(inputs["pixel_values"]).last_hidden_state
    read = model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
    image_embeds = torch.nn.functional.normalize(model.vision_proj(seen[:, 0]), dim=-1)
    text_embeds = torch.nn.functional.normalize(model.text_proj(read[:, 0]), dim=-1)"""
    scale_line = f"scale, bias = 1 / {TEMPERATURE}, 0.0  # the checkpoint leaves out its learned temperature"

    def image_features(self, pixel_values: Tensor) -> Tensor:
        features: Tensor = self.model.vision_proj(self.model.vision_model(pixel_values).last_hidden_state[:, 0])
        return features

    def text_features(self, inputs: Any) -> Tensor:
        read = self.model.text_encoder(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
        features: Tensor = self.model.text_proj(read[:, 0])
        return features

    def read_scale(self) -> Scale:
        return Scale(1 / TEMPERATURE)

    def match(self, pairs: Sequence[tuple[Image, str]]) -> Tensor:
        import torch

        images = {id(image): image for image, _ in pairs}  # one picture beside many texts is looked at once
        order = list(images)
        seen = self.model.vision_model(self.pixels(list(images.values()))).last_hidden_state
        seen = seen[[order.index(id(image)) for image, _ in pairs]]
        inputs = self.tokens([text for _, text in pairs])
        read = self.model.text_encoder(
            inputs["input_ids"],
            inputs["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device),
        ).last_hidden_state
        return self.model.itm_head(read[:, 0]).float().softmax(-1)[:, 1].cpu()  # type: ignore[no-any-return]


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


class BLIPCaptioner(PictureWriter, Captioner):
    """BlipForConditionalGeneration, without a prompt."""

    model_class = "BlipForConditionalGeneration"
    eyes = "vision_model"

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return CAPTION_PROGRAM.replace("{model_id}", model_id)

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


CAPTION_PROGRAM = f"""\
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


class BLIPAnswerer(PictureWriter, Answerer):
    model_class = "BlipForQuestionAnswering"
    eyes = "vision_model"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return ANSWER_PROGRAM.replace("{model_id}", model_id)

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


ANSWER_PROGRAM = f"""\
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
        specs=(Spec("Salesforce/blip-vqa-base", "BSD-3-Clause", 1540, CITATION),),
    )
)
