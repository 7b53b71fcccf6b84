"""GIT (Wang et al., 2022, arXiv 2205.14100): one decoder that reads CLIP's patches and a prompt, and writes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.models._beams import BEAMS, PictureWriter, beam_texts
from core.models.base import weight_bytes

if TYPE_CHECKING:
    from torch import Tensor

CITATION = "Wang et al., 2022, arXiv 2205.14100"


class GIT(PictureWriter):
    """GitForCausalLM, whose vision tower gives way to what it has seen."""

    model_class = "GitForCausalLM"
    eyes = "git.image_encoder"

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        super().__init__(model, processor, tokenizer)
        model.git.image_encoder = _seen()

    @property
    def nbytes(self) -> int:
        return weight_bytes(self.model, self.tower)

    def continuations(self, encoding: Mapping[str, Tensor], prompt: Sequence[int], new_tokens: int) -> dict[str, float]:
        """What it writes after [CLS] and the prompt's tokens, which are cut where its positions end, with confidences."""
        import torch

        seen = encoding["image_features"].to(self.model.device, self.model.dtype)
        longest = min(512, self.model.config.max_position_embeddings - new_tokens - seen.shape[1])
        begun = [self.tokenizer.cls_token_id, *prompt][:longest]
        written = self.model.generate(
            pixel_values=seen[:, None],
            input_ids=torch.tensor([begun], device=seen.device),
            max_new_tokens=new_tokens,
            **BEAMS,
        )
        return beam_texts(self.tokenizer, written, len(begun))


def _seen() -> Any:
    """Stands in the vision tower's place and returns what that had seen of the picture: [n, 1, patches, d] for pixels."""
    from torch import nn
    from transformers.modeling_outputs import BaseModelOutput

    class Seen(nn.Module):
        def forward(self, features: Tensor, **_: Any) -> Any:
            return BaseModelOutput(last_hidden_state=features[:, 0])

    return Seen()
