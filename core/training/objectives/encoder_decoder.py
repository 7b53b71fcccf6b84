# SPDX-License-Identifier: Apache-2.0

"""A vision transformer, trained from scratch, and the caption language model, joined by cross-attention without gates: the
VisionEncoderDecoderModel of transformers, which loads the result by itself."""

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
from core.training.objectives._captioning import (
    CaptionObjective,
    decoded,
    decoder_inputs,
    token_losses,
    token_rows,
    without_padding,
)

INPUT_SIDE, PATCH, HEAD_WIDTH = 128, 16, 64  # pixels of a picture and of a patch; width of an attention head


@dataclass(frozen=True)
class EncoderDecoderConfig(Config):
    steps: int = option(600, "how often the weights are changed", 1, 20_000)
    eval_every: int = option(100, "steps between two evaluations; each keeps a checkpoint", 1, 20_000)
    heads: int = option(3, "attention heads of the vision transformer, each 64 wide", 1, 12)
    layers: int = option(4, "layers of the vision transformer", 1, 12)
    language: bool = option(False, "also train the language model")


@register
class EncoderDecoder(CaptionObjective):
    name = "encoder-decoder"
    title = "Cross-attention fusion by VisionEncoderDecoderModel (TrOCR, ViT-GPT2)"
    order = 41
    Config = EncoderDecoderConfig
    about = r"""**Learned:** a small vision transformer, from scratch, and the cross-attention, without a gate, in each layer of the caption
language model. **Frozen:** the language model's own layers, unless they are trained, too. **Loss** over the tokens
$y_1 \dots y_T$ of a caption, $-\frac{1}{T}\sum_t \log p(y_t \mid v, y_{<t})$, the mean over all tokens of the batch. A vision
transformer from scratch needs far more pictures than the lab's trained tower: this objective shows how the parts are joined. **Papers:**
[ViT](https://arxiv.org/abs/2010.11929), [TrOCR](https://arxiv.org/abs/2109.10282)."""

    config: EncoderDecoderConfig

    @cached_property
    def processor(self) -> Any:
        """Saved with the model, which then prepares its pictures in the same way."""
        return ViTImageProcessorPil(size={"height": INPUT_SIDE, "width": INPUT_SIDE})

    def encode(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`pixels` [n, 3, INPUT_SIDE, INPUT_SIDE] float16 in -1..1, `ids` [n, MAX_TOKENS]."""
        pictures = [
            self.processor(example.picture(), return_tensors="pt")["pixel_values"].half() for example in examples
        ]
        return {
            "pixels": torch.cat(pictures),
            "ids": token_rows(self.tokenizer, [example.text for example in examples]),
        }

    def learner(self, train: Batch) -> Learner:
        return EncoderDecoderLearner(self.config)

    def predict(self, learner: Learner, rows: Batch, examples: Sequence[Example]) -> list[str]:
        """Captions by greedy decoding."""
        assert isinstance(learner, EncoderDecoderLearner)
        pixels = rows["pixels"][: len(examples)].to(learner.model.device).float()
        written = learner.model.generate(
            pixel_values=pixels, max_new_tokens=CAPTION_TOKENS, min_new_tokens=1, do_sample=False
        )
        return decoded(self.tokenizer, written[:, 1:].tolist())

    def save(self, learner: Learner, folder: Path) -> None:
        assert isinstance(learner, EncoderDecoderLearner)
        for part in (learner.model, self.processor, self.tokenizer):
            part.save_pretrained(folder)


class EncoderDecoderLearner(Learner):
    """Language modelling given a picture, with the loss of `CaptionLearner`."""

    def __init__(self, settings: EncoderDecoderConfig) -> None:
        super().__init__()
        hide_progress()
        width = settings.heads * HEAD_WIDTH
        vision = ViTConfig(
            hidden_size=width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=4 * width,
            image_size=INPUT_SIDE,
            patch_size=PATCH,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        no_dropout = {
            "attn_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "resid_pdrop": 0.0,
        }  # as in all captioners here: a batch in chunks gives the same gradient
        language = GPT2LMHeadModel.from_pretrained(
            CAPTIONER_FOLDER, dtype=torch.float32, add_cross_attention=True, local_files_only=True, **no_dropout
        )
        language.config.name_or_path = ""  # it is a path of this machine, which would be saved with the model
        language.requires_grad_(settings.language)
        for name, weight in language.named_parameters():
            if "cross" in name:
                weight.requires_grad_()
        self.model: Any = VisionEncoderDecoderModel(encoder=ViTModel(vision), decoder=language)
        self.model.encoder.pooler.requires_grad_(False)  # unused, but transformers expects it in the file
        end = language.config.eos_token_id
        for config in (self.model.config, self.model.generation_config):
            config.decoder_start_token_id = config.pad_token_id = config.eos_token_id = config.bos_token_id = end

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        ids = without_padding(batch["ids"])
        logits = self.model(pixel_values=batch["pixels"].float(), decoder_input_ids=decoder_inputs(ids)).logits
        return token_losses(logits, ids)

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        return {"loss": outputs["losses"].sum() / outputs["tokens"].sum()}
