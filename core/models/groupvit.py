"""GroupViT (Xu et al., 2022, arXiv 2202.11094): segments that emerge from contrastive training on captions."""

from core.models import Family, register
from core.models.base import Spec, TransformersPair


class GroupViT(TransformersPair):
    model_class = "GroupViTModel"


register(
    Family(
        name="groupvit",
        adapter=GroupViT,
        architectures=("GroupViTModel",),
        specs=(
            Spec(
                "nvidia/groupvit-gcc-yfcc",
                "not stated",
                223,
                "Xu et al., 2022, arXiv 2202.11094",
                "the card states no licence",
            ),
        ),
    )
)
