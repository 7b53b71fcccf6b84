# SPDX-License-Identifier: Apache-2.0

"""CLIPSeg."""

from __future__ import annotations

from pathlib import Path

import transformers as T

from tests.core.models.families.tiny._parts import TOWER, clip_tokenizer, ids, save

SEEN = 64  # pixels


def clipseg(folder: Path) -> None:
    """Five layers, of which the decoder reads up to the fourth; positions stretched from 32 to 64 pixels, as published."""
    tokenizer = clip_tokenizer()
    config = T.CLIPSegConfig(
        text_config={**TOWER, **ids(tokenizer)},
        vision_config={**TOWER, "num_hidden_layers": 5, "image_size": 32, "patch_size": 16},
        projection_dim=12,
        reduce_dim=8,
        extract_layers=[0, 1, 3],
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        use_complex_transposed_convolution=True,
    )
    images = T.ViTImageProcessorPil(size={"height": SEEN, "width": SEEN})
    processor = T.CLIPSegProcessor(image_processor=images, tokenizer=tokenizer)
    save(folder, T.CLIPSegForImageSegmentation(config), processor)


CHECKPOINTS = {
    "CIDAS/clipseg-rd64-refined": clipseg,
}
