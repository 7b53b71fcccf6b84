# SPDX-License-Identifier: Apache-2.0

"""Tiny random checkpoints of the published families, each with a real tokenizer: `make(folder)` saves one.

They have the classes and the layout of the published ones at a few kilobytes, so the tests run the lab's
own loading code on them, offline.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as T
from tokenizers import pre_tokenizers, processors

SENTENCES = [
    "a photo of a cat",
    "a photo of a dog",
    "two cats sleeping on a couch",
    "a red car parked in the street",
    "a man riding a horse on the beach",
    "the quick brown fox jumps over the lazy dog",
]
WORDS = sorted({word for sentence in SENTENCES for word in sentence.split()})
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYMBOLS = "0123456789.,'!?-"
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
SPACE = "\u0120"  # as byte-level BPE writes it
SIDE, PATCH, LENGTH = 32, 8, 32
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
EYE = {"image_size": SIDE, "patch_size": PATCH}
SQUARE = {"height": SIDE, "width": SIDE}


# ---- tokenizers


def spelled(alphabet: list[str], before: str = "", after: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """(tokens in order of their id, merges) of a BPE that puts WORDS together from the left. It is not trained: a trainer
    breaks ties as it happens, and each run of the tests would get other numbers."""
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        letters = [*before, *word[:-1], word[-1] + after]
        for end in range(1, len(letters)):
            merges["".join(letters[:end]), letters[end]] = None
    return list(dict.fromkeys([*alphabet, *map("".join, merges)])), list(merges)


def numbered(words: list[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(words)}


def clip_tokenizer() -> Any:
    """The special tokens last, as published: the text tower looks for the highest id."""
    words, merges = spelled([*BYTES, *(byte + "</w>" for byte in BYTES)], after="</w>")
    words += ["<|startoftext|>", "<|endoftext|>"]
    return T.CLIPTokenizer(vocab=numbered(words), merges=merges, model_max_length=LENGTH)


def bert_tokenizer(length: int = LENGTH) -> Any:
    pieces = [*LETTERS, *SYMBOLS]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *("##" + piece for piece in pieces)]
    words += [word for word in WORDS if word not in words]
    return T.BertTokenizer(vocab=numbered(words), do_lower_case=True, model_max_length=length)


def roberta_tokenizer() -> Any:
    words, merges = spelled(BYTES, before=SPACE)
    words = ["<s>", "<pad>", "</s>", "<unk>", *words, "<mask>"]
    return T.RobertaTokenizer(vocab=numbered(words), merges=merges, model_max_length=LENGTH)


def gemma_tokenizer(length: int) -> Any:
    """As in SigLIP 2: keeps case, ends with <eos>, and returns a mask unless told otherwise."""
    words, merges = spelled([*LETTERS, *LETTERS.upper(), *SYMBOLS, "\u2581"], before="\u2581")
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    tokenizer = T.GemmaTokenizer(vocab=numbered(words), merges=merges, model_max_length=length, padding_side="right")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", pair="$A <eos> $B <eos>", special_tokens=[("<eos>", 1)]
    )
    return tokenizer


def xlmr_tokenizer() -> Any:
    """It does not know how many tokens its tower reads, as happens in published checkpoints."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -3.0)]
    pieces += [(letter, -6.0) for letter in LETTERS + LETTERS.upper() + SYMBOLS]
    pieces += [("\u2581" + word, -4.0) for word in WORDS] + [("<mask>", 0.0)]
    return T.XLMRobertaTokenizer(vocab=pieces)


def ids(tokenizer: Any, length: int = LENGTH) -> dict[str, int]:
    """What a text tower's configuration has to know of its tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


# ---- models


def save(folder: Path, model: Any, processor: Any) -> None:
    """With weights drawn wide enough that different inputs get clearly different vectors."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.3, generator=generator)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def clip_images() -> Any:
    return T.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=SQUARE)


def clip(folder: Path) -> None:
    tokenizer = clip_tokenizer()
    config = T.CLIPConfig(
        text_config={**TOWER, **ids(tokenizer), "projection_dim": 12},
        vision_config={**TOWER, **EYE, "projection_dim": 12},
        projection_dim=12,
    )
    save(folder, T.CLIPModel(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


def metaclip2(folder: Path) -> None:
    tokenizer = xlmr_tokenizer()
    config = T.MetaClip2Config(
        text_config={**TOWER, **ids(tokenizer), "projection_dim": 12},
        vision_config={**TOWER, **EYE, "projection_dim": 12},
        projection_dim=12,
    )
    save(folder, T.MetaClip2Model(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


def siglip(folder: Path) -> None:
    tokenizer = gemma_tokenizer(64)
    config = T.SiglipConfig(text_config={**TOWER, **ids(tokenizer, 64)}, vision_config={**TOWER, **EYE})
    model = T.SiglipModel(config)
    with torch.no_grad():
        model.logit_scale.fill_(2.0)
        model.logit_bias.fill_(-3.0)
    images = T.SiglipImageProcessorPil(size=SQUARE, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    save(folder, model, T.SiglipProcessor(image_processor=images, tokenizer=tokenizer))


def align(folder: Path) -> None:
    tokenizer = bert_tokenizer(64)
    vision = {
        "image_size": SIDE,
        "kernel_sizes": [3, 3],
        "in_channels": [32, 8],
        "out_channels": [8, 16],
        "strides": [1, 2],
        "num_block_repeats": [1, 1],
        "expand_ratios": [1, 2],
        "depthwise_padding": [],
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "hidden_dim": 16,  # as wide as the projection
    }
    text = {**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    config = T.AlignConfig(text_config=text, vision_config=vision, projection_dim=16, temperature_init_value=0.1)
    images = T.EfficientNetImageProcessorPil(
        size=SQUARE, crop_size=SQUARE, do_center_crop=False, rescale_offset=False, include_top=False
    )
    save(folder, T.AlignModel(config), T.AlignProcessor(image_processor=images, tokenizer=tokenizer))


def flava(folder: Path) -> None:
    """Saved as FlavaForPreTraining, which alone computes contrastive logits; the lab loads its FlavaModel."""
    tokenizer = bert_tokenizer()
    config = T.FlavaConfig(
        image_config={**TOWER, **EYE, "vocab_size": 32},
        text_config={**TOWER, "vocab_size": len(tokenizer), "max_position_embeddings": LENGTH},
        multimodal_config=dict(TOWER),
        image_codebook_config={"num_groups": 4, "num_blocks_per_group": 1, "hidden_size": 8, "vocab_size": 32},
        init_codebook=False,
        hidden_size=16,
        projection_dim=12,
    )
    images = T.FlavaImageProcessorPil(size=SQUARE, crop_size=SQUARE)
    save(folder, T.FlavaForPreTraining(config), T.FlavaProcessor(image_processor=images, tokenizer=tokenizer))


def vision_text(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = T.BertConfig(**TOWER, vocab_size=len(tokenizer), max_position_embeddings=LENGTH)
    vision = T.CLIPVisionConfig(**TOWER, **EYE)
    config = T.VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=12)
    processor = T.VisionTextDualEncoderProcessor(image_processor=clip_images(), tokenizer=tokenizer)
    save(folder, T.VisionTextDualEncoderModel(config), processor)


def bridgetower(folder: Path) -> None:
    """64 wide, the least it can be: its vision tower has hidden_size // 64 heads."""
    tokenizer = roberta_tokenizer()
    size = {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = T.BridgeTowerConfig(
        # RoBERTa counts its positions from the padding's id on, so it needs two more.
        text_config={**size, **ids(tokenizer, LENGTH + 2), "intermediate_size": 32},
        vision_config={"hidden_size": 64, "num_hidden_layers": 2, **EYE},
        **size,
        share_cross_modal_transformer_layers=True,
        contrastive_hidden_size=12,
        logit_scale_init_value=2.6592,
    )
    images = T.BridgeTowerImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"shortest_edge": SIDE}, size_divisor=PATCH
    )
    processor = T.BridgeTowerProcessor(image_processor=images, tokenizer=tokenizer)
    save(folder, T.BridgeTowerForContrastiveLearning(config), processor)


def blip(folder: Path) -> None:
    tokenizer = bert_tokenizer()
    text = {**TOWER, "vocab_size": len(tokenizer) + 2, "encoder_hidden_size": 16, "max_position_embeddings": LENGTH}
    config = T.BlipConfig(
        text_config={**text, "bos_token_id": len(tokenizer), "pad_token_id": 0, "sep_token_id": 3, "eos_token_id": 3},
        vision_config={**TOWER, **EYE},
        image_text_hidden_size=12,
        projection_dim=12,
    )
    processor = T.BlipProcessor(image_processor=T.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer)
    save(folder, T.BlipForImageTextRetrieval(config), processor)


def groupvit(folder: Path) -> None:
    tokenizer = clip_tokenizer()
    stages = {"depths": [1, 1], "num_group_tokens": [4, 0], "num_output_groups": [4, 4]}
    config = T.GroupViTConfig(
        text_config={**TOWER, **ids(tokenizer)},
        vision_config={**TOWER, **EYE, **stages, "num_hidden_layers": 2},
        projection_dim=12,
        projection_intermediate_dim=16,
    )
    save(folder, T.GroupViTModel(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


PUBLISHED: dict[str, Callable[[Path], None]] = {
    "openai/clip-vit-base-patch32": clip,
    "openai/clip-vit-large-patch14": clip,
    "facebook/metaclip-b32-400m": clip,
    "facebook/metaclip-2-mt5-worldwide-b32": metaclip2,
    "google/siglip-base-patch16-224": siglip,
    "google/siglip2-base-patch16-224": siglip,
    "kakaobrain/align-base": align,
    "facebook/flava-full": flava,
    "Bingsu/vitB32_bert_ko_small_clip": vision_text,
    "BridgeTower/bridgetower-large-itm-mlm-itc": bridgetower,
    "Salesforce/blip-itm-base-coco": blip,
    "Salesforce/blip-itm-large-coco": blip,
    "nvidia/groupvit-gcc-yfcc": groupvit,
}
