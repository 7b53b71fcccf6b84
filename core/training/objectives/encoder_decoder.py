# SPDX-License-Identifier: Apache-2.0

"""A vision transformer from nothing before the caption language model, joined by ordinary cross-attention: transformers' own
VisionEncoderDecoderModel, which any program on transformers can load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel, VisionEncoderDecoderModel, ViTConfig, ViTImageProcessorPil, ViTModel

from core.assets import CAPTIONER_FOLDER
from core.models.layers.beam_search import CAPTION_TOKENS
from core.models.loading import hide_progress
from core.training import register
from core.training.objective import Batch, Config, Example, Learner, option
from core.training.objectives._captioning import CaptionObjective, decoded, inputs, token_losses, token_rows, trimmed

SIDE, PATCH, HEAD = 128, 16, 64  # pixels of a picture and of a patch; width of an attention head


@dataclass(frozen=True)
class EncoderDecoderConfig(Config):
    steps: int = option(600, "updates of the weights", 1, 20_000)
    eval_every: int = option(100, "updates between two evaluations; each keeps a checkpoint", 1, 20_000)
    heads: int = option(3, "attention heads of the vision transformer, of 64 numbers each", 1, 12)
    layers: int = option(4, "of the vision transformer", 1, 12)
    language: bool = option(False, "the language model learns, too")


@register
class EncoderDecoder(CaptionObjective):
    name = "encoder-decoder"
    title = "Cross-attention fusion by VisionEncoderDecoderModel (TrOCR, ViT-GPT2)"
    order = 41
    Config = EncoderDecoderConfig
    about = r"""**Learned:** a small vision transformer, from nothing, and the cross-attention that is put into each layer of the caption language
model, without a gate. **Frozen:** the language model's own layers, unless they are to learn, too. **Loss** over the tokens
$y_1 \dots y_T$ of a caption, $-\frac{1}{T}\sum_t \log p(y_t \mid v, y_{<t})$, the mean over all tokens of the batch. Eyes from nothing need
far more pictures than the lab's trained tower: this one shows how the parts are joined. **Papers:**
[ViT](https://arxiv.org/abs/2010.11929), [TrOCR](https://arxiv.org/abs/2109.10282)."""

    config: EncoderDecoderConfig

    @cached_property
    def processor(self) -> Any:
        return ViTImageProcessorPil(size={"height": SIDE, "width": SIDE})

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`pixels` [n, 3, SIDE, SIDE] float16 in -1..1, `ids` [n, LONGEST]."""
        pictures = [
            self.processor(example.picture(), return_tensors="pt")["pixel_values"].half() for example in examples
        ]
        return {
            "pixels": torch.cat(pictures),
            "ids": token_rows(self.tokenizer, [example.text for example in examples]),
        }

    def learner(self, train: Batch) -> Learner:
        return Joined(self.config)

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """The greedy captions."""
        assert isinstance(learner, Joined)
        pixels = rows["pixels"][: len(examples)].to(learner.model.device).float()
        written = learner.model.generate(
            pixel_values=pixels, max_new_tokens=CAPTION_TOKENS, min_new_tokens=1, do_sample=False
        )
        return decoded(self.tokenizer, written[:, 1:].tolist())

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, Joined)
        for part in (learner.model, self.processor, self.tokenizer):
            part.save_pretrained(folder)


class Joined(Learner):
    def __init__(self, settings: EncoderDecoderConfig) -> None:
        super().__init__()
        hide_progress()
        width = settings.heads * HEAD
        eyes = ViTConfig(
            hidden_size=width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=4 * width,
            image_size=SIDE,
            patch_size=PATCH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        still = {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}  # as all captioners here
        language = GPT2LMHeadModel.from_pretrained(
            CAPTIONER_FOLDER, dtype=torch.float32, add_cross_attention=True, local_files_only=True, **still
        )
        language.config.name_or_path = ""  # it would be saved with the model: a path of this machine
        language.requires_grad_(settings.language)
        for name, weight in language.named_parameters():
            if "cross" in name:
                weight.requires_grad_()
        self.model: Any = VisionEncoderDecoderModel(encoder=ViTModel(eyes), decoder=language)
        self.model.encoder.pooler.requires_grad_(False)  # nothing reads it, but transformers expects one in the file
        end = language.config.eos_token_id
        for config in (self.model.config, self.model.generation_config):
            config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = config.bos_token_id = end

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        ids = trimmed(batch["ids"])
        logits = self.model(pixel_values=batch["pixels"].float(), decoder_input_ids=inputs(ids)).logits
        return token_losses(logits, ids)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": outputs["losses"].sum() / outputs["tokens"].sum()}
