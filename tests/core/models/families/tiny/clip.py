# SPDX-License-Identifier: Apache-2.0

"""CLIP, MetaCLIP and MetaCLIP 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers as T

from tests.core.models.families.tiny._parts import (
    LETTERS,
    SYMBOLS,
    TOWER,
    VISION,
    WORDS,
    clip_images,
    clip_tokenizer,
    contrastive_logits,
    ids,
    save,
)


def xlmr_tokenizer() -> Any:
    """It does not know how many tokens its tower reads, as happens in published checkpoints."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -3.0)]
    pieces += [(letter, -6.0) for letter in LETTERS + LETTERS.upper() + SYMBOLS]
    pieces += [("\u2581" + word, -4.0) for word in WORDS] + [("<mask>", 0.0)]
    return T.XLMRobertaTokenizer(vocab=pieces)


def clip(folder: Path) -> None:
    tokenizer = clip_tokenizer()
    config = T.CLIPConfig(
        text_config={**TOWER, **ids(tokenizer), "projection_dim": 12},
        vision_config={**TOWER, **VISION, "projection_dim": 12},
        projection_dim=12,
    )
    save(folder, T.CLIPModel(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


def metaclip2(folder: Path) -> None:
    tokenizer = xlmr_tokenizer()
    config = T.MetaClip2Config(
        text_config={**TOWER, **ids(tokenizer), "projection_dim": 12},
        vision_config={**TOWER, **VISION, "projection_dim": 12},
        projection_dim=12,
    )
    save(folder, T.MetaClip2Model(config), T.CLIPProcessor(image_processor=clip_images(), tokenizer=tokenizer))


def logits(folder, images, texts):
    return contrastive_logits(folder, images, texts)


CHECKPOINTS = {
    "openai/clip-vit-base-patch32": clip,
    "openai/clip-vit-large-patch14": clip,
    "facebook/metaclip-b32-400m": clip,
    "facebook/metaclip-2-mt5-worldwide-b32": metaclip2,
}
