"""MetaCLIP (Xu et al., 2023, arXiv 2309.16671): CLIP's recipe on openly curated data, and its worldwide
successor MetaCLIP 2 (Chuang et al., 2025, arXiv 2507.22062), which reads many languages."""

from core.models import Family, register
from core.models._pair import TransformersPair
from core.models.base import Spec
from core.models.clip import CLIP


class MetaCLIP2(TransformersPair):
    model_class = "MetaClip2Model"


register(
    Family(
        name="metaclip",
        adapter=CLIP,  # saved as CLIPModel, so a local checkpoint of it is offered as CLIP
        specs=(
            Spec(
                "facebook/metaclip-b32-400m",
                "CC-BY-NC-4.0",
                605,
                "Xu et al., 2023, arXiv 2309.16671",
                "licence read from a sibling checkpoint's card",
            ),
        ),
    )
)
register(
    Family(
        name="metaclip2",
        adapter=MetaCLIP2,
        architectures=("MetaClip2Model",),
        specs=(
            Spec(
                "facebook/metaclip-2-mt5-worldwide-b32",
                "CC-BY-NC-4.0",
                1016,
                "Chuang et al., 2025, arXiv 2507.22062",
                "reads many languages",
            ),
        ),
    )
)
