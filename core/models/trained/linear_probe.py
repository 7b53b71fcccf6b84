# SPDX-License-Identifier: Apache-2.0

"""A linear probe: a row of weights for each label over a frozen picture tower (Radford et al., arXiv 2103.00020, section 3.2),
added to zero-shot classification by the base, from which it starts."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image

from core.errors import UserError
from core.models.abilities import Classifier
from core.models.catalog import load_checkpoint
from core.models.embedded.pair import EmbeddedPair
from core.models.family import Family, register
from core.models.layers.asif import relative

if TYPE_CHECKING:
    import torch
    from torch import Tensor

log = logging.getLogger(__name__)
ARCHITECTURE = "LinearProbe"


class LinearProbe(Classifier):
    """`texts` [labels, d] are the labels' vectors by the base, `weight` [labels, features] and `bias` [labels] what was
    learned."""

    def __init__(self, base: Any, names: list[str], scale: float, weights: dict[str, Tensor]) -> None:
        self.base, self.names, self.scale, self.weights = base, names, scale, weights

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: torch.dtype) -> LinearProbe:
        from safetensors.torch import load_file

        config, weights = json.loads((path / "config.json").read_text()), load_file(path / "model.safetensors")
        if any(len(weights.get(name, ())) != len(config["labels"]) for name in ("texts", "weight", "bias")):
            raise UserError(f"The model in {path.name!r} lacks weights for some of its labels. Train it again.")
        base = load_checkpoint(base_name(path), device, dtype)
        return cls(base, config["labels"], float(config["scale"]), weights)

    @property
    def nbytes(self) -> int:
        return int(self.base.nbytes) + sum(value.nbytes for value in self.weights.values())

    def labels(self) -> list[str]:
        return self.names

    def classify(self, images: Sequence[Image]) -> Tensor:
        if not isinstance(self.base, EmbeddedPair):
            vectors = self.base.embed_images(images)
            return probed(vectors, vectors, scale=self.scale, **self.weights)
        features = self.base.towers.image_vectors(images).cpu()
        vectors = relative(features, self.base.anchor_vectors("image"))
        return probed(features, vectors, scale=self.scale, **self.weights)

    @classmethod
    def classify_program(cls, model_id: str) -> str:
        return PROGRAM.replace("{model_id}", model_id)


def base_name(path: Path) -> str:
    """The base's id on the hub, or where on this machine its folder lies: as the run noted it beside the probe (base.json, which
    is not given away with it), or else beside the probe under its own name. Earlier probes hold a whole path, which stays."""
    name = str(json.loads((path / "config.json").read_text())["base"])
    note = path.parent / "base.json"
    if note.exists() and (noted := (path.parent / str(json.loads(note.read_text())["path"])).resolve()).is_dir():
        return str(noted)
    beside = (path.parent / name).resolve()
    return str(beside) if beside.parent == path.parent.resolve() and (beside / "config.json").exists() else name


def base_folder(path: Path) -> Path | None:
    """None for a base that is not a folder of this machine."""
    try:
        folder = Path(base_name(path))
    except (OSError, ValueError, KeyError) as error:
        log.warning("the base of the probe in %s cannot be read: %s", path.name, error)
        return None
    return folder if folder.is_absolute() else None


def probed(features: Tensor, vectors: Tensor, texts: Tensor, weight: Tensor, bias: Tensor, scale: float) -> Tensor:
    """[n, labels] logits: scale * (cosine of picture and label + features @ weight) + bias. With weights of zero it is
    zero-shot classification."""
    return scale * (vectors @ texts.T + features @ weight.T) + bias


PROGRAM = """\
from pathlib import Path

from core.models.trained.linear_probe import LinearProbe  # a frozen picture tower and a row of weights for each label

model = LinearProbe.load(Path("{model_id}"), torch.device("cpu"), torch.float32)
with torch.inference_mode():
    labels, logits = model.labels(), model.classify(images)
"""

register(Family(name="linear-probe", adapter=LinearProbe, architectures=(ARCHITECTURE,), specs=(), base=base_folder))
