"""GIT for captions (Wang et al., 2022, arXiv 2205.14100): it writes straight after the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.models import Family, register
from core.models._beams import CAPTION_TOKENS, SHOWN, sum_lines
from core.models._git import CITATION, GIT
from core.models.base import Captioner, Spec

if TYPE_CHECKING:
    from torch import Tensor

NOTE = "size and licence not checked on the hub"


class GITCaptioner(GIT, Captioner):
    """After [CLS] alone, as in its documentation."""

    @classmethod
    def caption_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)

    def caption(self, encoding: Mapping[str, Tensor]) -> dict[str, float]:
        return self.continuations(encoding, [], CAPTION_TOKENS)


PROGRAM = f"""\
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{{model_id}}", dtype=torch.float32).eval()
processor = AutoProcessor.from_pretrained("{{model_id}}", backend="pil")
pixel_values = processor(images=image, return_tensors="pt").pixel_values
beams = dict({SHOWN})
written = model.generate(pixel_values=pixel_values, max_new_tokens={CAPTION_TOKENS}, **beams)
texts = processor.batch_decode(written.sequences[:, 1:], skip_special_tokens=True)
{sum_lines("captions")}"""

register(
    Family(
        name="git-captions",
        adapter=GITCaptioner,
        # No architectures: a folder says GitForCausalLM whichever of the two it learned, and is offered for questions.
        specs=(
            Spec("microsoft/git-base-coco", "MIT", 707, CITATION, NOTE),
            Spec("microsoft/git-large-coco", "MIT", 1577, CITATION, NOTE),
        ),
    )
)
