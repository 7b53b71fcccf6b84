"""What the frozen parts see of the examples: computed once for a run, with its progress told, and kept in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL.Image import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.errors import Stopped
from core.training.data.example import Example
from core.training.objective import Batch, Objective
from core.training.run_folder import RUNNING, RunFolder

EVERY = 10  # pictures between two words of how far it is


def features(folder: RunFolder, objective: Objective, examples: Sequence[Example]) -> dict[str, Tensor]:
    """[examples, ...] under the names of `objective.encode`; those of an earlier start where there are any. Raises Stopped
    when the run is cancelled meanwhile."""
    path = folder.path / "features.safetensors"
    if path.exists():
        return load_file(path)
    seen = [_Seen(**asdict(example), folder=folder, place=i, of=len(examples)) for i, example in enumerate(examples)]
    with torch.inference_mode():
        found = {name: value.contiguous() for name, value in objective.encode(seen).items()}
    if folder.writes:
        save_file(found, f"{path}.part")
        Path(f"{path}.part").replace(path)
    return {name: value.clone() for name, value in found.items()}  # made outside inference mode, training can use them


def take(rows: Batch, places: Sequence[int]) -> dict[str, Tensor]:
    return {name: value[torch.tensor(places)] for name, value in rows.items()}


@dataclass(frozen=True)
class _Seen(Example):
    """Says when its picture is looked at: an objective need not know that somebody waits."""

    folder: RunFolder | None = None
    place: int = 0
    of: int = 0

    def picture(self) -> Image:
        if self.folder is not None and self.place % EVERY == 0:
            self.folder.write_status(RUNNING, stage=f"looking at the data: {self.place} of {self.of}")
            if self.folder.cancelled:
                raise Stopped
        return super().picture()
