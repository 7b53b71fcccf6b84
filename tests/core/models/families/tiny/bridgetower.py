# SPDX-License-Identifier: Apache-2.0

"""BridgeTower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import transformers as T

from tests.core.models.families.tiny._parts import (
    BYTES,
    LENGTH,
    PATCH,
    SIDE,
    SPACE,
    VISION,
    ids,
    numbered,
    official,
    save,
    spelled,
)


def roberta_tokenizer() -> Any:
    words, merges = spelled(BYTES, before=SPACE)
    words = ["<s>", "<pad>", "</s>", "<unk>", *words, "<mask>"]
    return T.RobertaTokenizer(vocab=numbered(words), merges=merges, model_max_length=LENGTH)


def bridgetower(folder: Path) -> None:
    """64 wide, the least it can be: its vision tower has hidden_size // 64 heads."""
    tokenizer = roberta_tokenizer()
    size = {"hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = T.BridgeTowerConfig(
        # RoBERTa counts its positions from the padding's id on, so it needs two more.
        text_config={**size, **ids(tokenizer, LENGTH + 2), "intermediate_size": 32},
        vision_config={"hidden_size": 64, "num_hidden_layers": 2, **VISION},
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


def logits(folder, images, texts):
    """Its forward takes one text for each image."""
    model, processor = official(folder)
    options = {"padding": True, "truncation": True, "return_tensors": "pt"}
    rows = [[model(**processor(image, text, **options)) for text in texts] for image in images]
    cosines = [[(pair.image_embeds @ pair.text_embeds.T).item() for pair in row] for row in rows]
    return np.array(cosines) * model.logit_scale.exp().item()


CHECKPOINTS = {
    "BridgeTower/bridgetower-large-itm-mlm-itc": bridgetower,
}
