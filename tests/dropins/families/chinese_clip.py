# SPDX-License-Identifier: Apache-2.0

"""Chinese CLIP (Yang et al., 2022, arXiv 2211.01335): a family in one file, as a newcomer would add it."""

from core.models.family import Family, Spec, register
from core.models.layers.dual_encoder import TransformersPair


class ChineseCLIP(TransformersPair):
    model_class = "ChineseCLIPModel"


register(
    Family(
        name="chinese-clip",
        adapter=ChineseCLIP,
        architectures=("ChineseCLIPModel",),
        specs=(
            Spec(
                "OFA-Sys/chinese-clip-vit-base-patch16",
                "not stated",
                753,
                "Yang et al., 2022, arXiv 2211.01335",
                "reads Chinese; size estimated",
            ),
        ),
    )
)
