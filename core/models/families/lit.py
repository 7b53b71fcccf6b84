# SPDX-License-Identifier: Apache-2.0

"""LiT (Zhai et al., 2021, arXiv 2111.07991): a text tower tuned to a locked image tower.

`VisionTextDualEncoderModel` is the class of transformers for such pairs of towers that were pretrained apart.
"""

from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair


class LiT(TransformersPair):
    model_class = "VisionTextDualEncoderModel"


register(
    Family(
        name="lit",
        adapter=LiT,
        architectures=("VisionTextDualEncoderModel",),
        specs=(
            Spec(
                "Bingsu/vitB32_bert_ko_small_clip",
                "MIT",
                445,
                "method: Zhai et al., 2021, arXiv 2111.07991",
                "a community checkpoint of this architecture, not the paper's: reads Korean captions; size estimated",
            ),
        ),
    )
)
