# SPDX-License-Identifier: Apache-2.0

"""ViLT (Kim et al., 2021, arXiv 2102.03334): words and patches of pixels in one transformer, an answer by classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.errors import UserError
from core.models.abilities import AttentiveAnswerer, Attribution
from core.models.family import Family, Spec, register
from core.models.layers.attribution import shuffled_copy, single_stream_attribution, word_maps
from core.models.layers.top_answers import top_answers
from core.models.layers.transformers_model import TransformersModel

if TYPE_CHECKING:
    from torch import Tensor


class ViLT(TransformersModel, AttentiveAnswerer):
    """ViltForQuestionAnswering. Its head was trained with one sigmoid for each answer; as confidences it shows the
    softmax over them, which has the same order."""

    model_class = "ViltForQuestionAnswering"

    @classmethod
    def answer_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def encode_image(self, image: Image) -> dict[str, Tensor]:
        """`pixel_values` [1, 3, h, w]; `image_embeds` [1, 1 + patches, d], a [CLS] and the patches, row by row."""
        processor = self.processor.image_processor
        longest = 1333 / 800 * processor.size["shortest_edge"]  # the other side is scaled with it, to whole patches
        if longest * min(image.size) / max(image.size) < processor.size_divisor:
            raise UserError(
                "This picture is too thin for ViLT: scaled to its input size it has less than one row of patches. Cut it shorter."
            )
        pixel_values = processor(image, return_tensors="pt")["pixel_values"]
        return {"pixel_values": pixel_values, "image_embeds": self.patches(self.model, pixel_values).float().cpu()}

    def patches(self, model: Any, pixel_values: Tensor) -> Tensor:
        """[1, 1 + patches, d] with positions added, on the model's device.

        ViLT draws its patches at random, which matters in training only: of one whole picture it draws them all,
        in a random order that changes no answer. Here they are put back in theirs.
        """
        import torch

        embeddings, pixels = model.vilt.embeddings, pixel_values.to(model.device)
        drawn, _, (index, (_, width)) = embeddings.visual_embed(pixels, torch.ones_like(pixels[:, 0]).long(), -1)
        order = (index[0, :, 0] * width + index[0, :, 1]).argsort()
        return torch.cat([drawn[:, :1], drawn[:, 1:][:, order]], 1)

    def tokens(self, questions: Sequence[str]) -> Any:
        """Cut to what the model reads, 40 tokens in the published one; each [n, length]."""
        return self.processor.tokenizer(
            list(questions),
            padding=True,
            truncation=True,
            max_length=self.model.config.max_position_embeddings,
            return_offsets_mapping=True,
            return_tensors="pt",
        ).to(self.model.device)

    def run(self, model: Any, image_embeds: Tensor, tokens: Any, **options: Any) -> Any:
        import torch

        many = image_embeds.to(model.device, model.dtype).expand(len(tokens["input_ids"]), -1, -1)
        inputs = {name: value for name, value in tokens.items() if name != "offset_mapping"}
        pixel_mask = torch.ones(many.shape[:2], dtype=torch.long, device=model.device)
        return model(**inputs, image_embeds=many, pixel_mask=pixel_mask, **options)

    def logits(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> Tensor:
        """[n, answers], all questions in one batch."""
        return self.run(self.model, encoding["image_embeds"], self.tokens(questions)).logits.float().cpu()  # type: ignore[no-any-return]

    def answer(self, encoding: Mapping[str, Tensor], questions: Sequence[str]) -> list[dict[str, float]]:
        if not questions:
            return []
        return [top_answers(row, self.model.config.id2label) for row in self.logits(encoding, questions)]

    def attribution(self, encoding: Mapping[str, Tensor], question: str, shuffled: bool = False) -> Attribution:
        """The shuffled copy's is of the same answer, the first one of the model as it is."""
        import torch

        answer = int(self.logits(encoding, [question]).argmax())
        with torch.inference_mode(False), torch.enable_grad():
            model = shuffled_copy(self.model) if shuffled else self.model
            pixel_values = encoding["pixel_values"].clone()
            embeds = self.patches(model, pixel_values) if shuffled else encoding["image_embeds"].clone()
            tokens = self.tokens([question])
            outputs = self.run(model, embeds.detach().requires_grad_(), tokens, output_attentions=True)
            found = single_stream_attribution(outputs.logits[0, answer], outputs.attentions)
        side = model.config.patch_size
        grid = pixel_values.shape[-2] // side, pixel_values.shape[-1] // side
        return word_maps(found, question, tokens["offset_mapping"][0].tolist(), grid)


PROGRAM = """\
from transformers import AutoProcessor, ViltForQuestionAnswering

model = ViltForQuestionAnswering.from_pretrained("{model_id}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{model_id}", backend="pil")
longest = model.config.max_position_embeddings
inputs = processor(image, question, truncation=True, max_length=longest, return_tensors="pt")
with torch.inference_mode():
    logits = model(**inputs).logits[0]
confidences, indices = logits.softmax(-1).topk(min(5, len(logits)))
answers = {model.config.id2label[i]: p for i, p in zip(indices.tolist(), confidences.tolist())}
"""

register(
    Family(
        name="vilt",
        adapter=ViLT,
        architectures=("ViltForQuestionAnswering",),
        order=10,
        specs=(
            Spec(
                "dandelin/vilt-b32-finetuned-vqa",
                "Apache-2.0",
                470,
                "Kim et al., 2021, arXiv 2102.03334",
                "chooses among 3,129 answers of VQA v2; safetensors by the hub's conversion",
            ),
        ),
    )
)
