"""CLIP (Radford et al., 2021, arXiv 2103.00020): two towers, one softmax over a batch of pairs."""

from core.models import Family, register
from core.models.base import Spec, TransformersPair

CITATION = "Radford et al., 2021, arXiv 2103.00020"
NOTE = "the card states no licence; the code's is MIT"


class CLIP(TransformersPair):
    model_class = "CLIPModel"


register(
    Family(
        name="clip",
        order=10,
        adapter=CLIP,
        architectures=("CLIPModel",),
        specs=(
            Spec(
                "openai/clip-vit-base-patch32",
                "not stated",
                605,
                CITATION,
                f"{NOTE}; safetensors by the hub's conversion",
            ),
            Spec("openai/clip-vit-large-patch14", "not stated", 1711, CITATION, NOTE),
        ),
    )
)
