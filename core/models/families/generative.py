# SPDX-License-Identifier: Apache-2.0

"""Small chat models that take pictures: SmolVLM (Marafioti et al., 2025, arXiv 2504.05299), an Idefics3 (arXiv 2408.12637)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL.Image import Image

from core.models.abilities import Answerer
from core.models.family import Family, Spec, register
from core.models.layers.beam_search import BEAM_SETTINGS, beam_lines, beam_texts
from core.models.layers.transformers_model import TransformersModel

if TYPE_CHECKING:
    from torch import Tensor

BRIEFLY = "Give a very brief answer."
NEW_TOKENS = 16


class Generative(TransformersModel, Answerer):
    """AutoModelForImageTextToText, asked through its own chat template to be brief. Confidences are those of its five
    beams, as `beam_texts` sums them."""

    model_class = "AutoModelForImageTextToText"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`image_features` [tokens, d], the picture's tokens as the language model reads them; `image_ids` [length], what stands
        for it in a prompt: those tokens among marks of the tiles it was cut into."""
        import torch

        prompt = self.prompt("")
        inputs = self.processor(text=prompt, images=[image], return_tensors="pt").to(self.model.device)
        pixels = {name: inputs[name] for name in ("pixel_values", "pixel_attention_mask") if name in inputs}
        pixels["pixel_values"] = pixels["pixel_values"].to(self.model.dtype)
        features = self.model.get_image_features(**pixels, return_dict=True).pooler_output
        before, after = self.around(prompt)
        whole = inputs["input_ids"][0]
        return {
            "image_features": torch.cat(list(features)).float().cpu(),
            "image_ids": whole[len(before) : len(whole) - len(after)].cpu(),
        }

    def prompt(self, question: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": f"{question}\n{BRIEFLY}"}]
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        return text

    def around(self, prompt: str) -> tuple[list[int], list[int]]:
        """The prompt's tokens before and after the place of its picture, the first such place there is."""
        tokens = self.processor.tokenizer(prompt)["input_ids"]
        place = tokens.index(self.model.config.image_token_id)
        return tokens[:place], tokens[place + 1 :]

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        """One question at a time."""
        import torch

        device, token = self.model.device, self.model.config.image_token_id
        features = encoding["image_features"].to(device, self.model.dtype)
        name = self.processor.image_token
        answers = []
        for question in questions:
            before, after = self.around(self.prompt(question.replace(name, " ")))
            ids = torch.tensor([[*before, *encoding["image_ids"].tolist(), *after]], device=device)
            embeds = self.model.get_input_embeddings()(ids)
            embeds = embeds.masked_scatter((ids == token)[..., None], features)
            written = self.model.generate(
                inputs_embeds=embeds, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, **BEAM_SETTINGS
            )
            answers.append(beam_texts(self.processor.tokenizer, written, prompt=0))
        return answers


PROGRAM = f"""\
from transformers import AutoModelForImageTextToText, AutoProcessor

model = AutoModelForImageTextToText.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
content = [{{"type": "image"}}, {{"type": "text", "text": question + "\\n{BRIEFLY}"}}]
prompt = processor.apply_chat_template([{{"role": "user", "content": content}}], add_generation_prompt=True)
inputs = processor(text=prompt, images=[image], return_tensors="pt")
{beam_lines("answers", "**inputs", NEW_TOKENS, prompt="inputs.input_ids.shape[1] ")}"""

register(
    Family(
        name="generative",
        adapter=Generative,
        architectures=("Idefics3ForConditionalGeneration",),
        specs=(
            Spec(
                "HuggingFaceTB/SmolVLM-256M-Instruct",
                "Apache-2.0",
                513,
                "Marafioti et al., 2025, arXiv 2504.05299",
                "writes freely; size read from a copy in the same format",
            ),
        ),
    )
)
