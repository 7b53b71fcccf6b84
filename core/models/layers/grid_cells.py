"""Grid cells of the built-in vision tower, for models that were published without a vision tower of their own and expect a
detector's regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.models.layers.towers import text_folder, views

if TYPE_CHECKING:
    from torch import Tensor

BLIND = "sees grid cells of EfficientNet-Lite0 where it was trained with a detector's regions, so its published weights answer poorly"
NUMBERS = "names its answers by number only, because the checkpoint has no words for them"


def grid_cells(tower: Any, image: Image) -> Tensor:
    """[1, h, w, 1280] float32 on the CPU: the whole picture at the embedded model's smaller size, one cell for each
    32 pixels. The shorter side has nine."""
    whole = views(image)[1]
    cells = tower.efficientnet_lite(whole.to(next(tower.parameters()).device)).last_hidden_state
    return cells.permute(0, 2, 3, 1).contiguous().cpu()  # type: ignore[no-any-return]


def fitted(cells: Tensor, width: int) -> Tensor:
    """[..., width]: cut, or followed by zeros."""
    from torch.nn.functional import pad

    return pad(cells, (0, width - cells.shape[-1]))


def bert_tokenizer(path: Path) -> Any:
    """The checkpoint's; where it has none, that of the embedded text tower: BERT's own words, with the same numbers."""
    from transformers import AutoTokenizer

    own = any((path / name).exists() for name in ("tokenizer.json", "vocab.txt"))
    return AutoTokenizer.from_pretrained(path if own else text_folder(), local_files_only=True)


def read(tokenizer: Any, questions: Sequence[str], model: Any) -> Any:
    """The questions as one batch, cut to what the model reads; each [n, length], on its device."""
    longest = model.config.max_position_embeddings
    options = {"padding": True, "truncation": True, "max_length": longest, "return_tensors": "pt"}
    return tokenizer(list(questions), **options).to(model.device)


# The first lines of each program that sees through the embedded tower: they leave `cells` [h, w, 1280].
CELLS_LINES = """\
from core.models.layers.towers import views, vision_tower  # EfficientNet-Lite0 as a transformers model

whole = views(image)[1]  # [1, 3, h, w], pixels of -1..1
with torch.inference_mode():
    cells = vision_tower().efficientnet_lite(whole).last_hidden_state[0].permute(1, 2, 0)
"""
