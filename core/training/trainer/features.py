# SPDX-License-Identifier: Apache-2.0

"""What the frozen parts make of the examples: computed once for a run, a few examples at a time, and kept in its folder, from
where a training step reads the rows that it needs. No more than those few are ever in memory: of 20,000 pictures the features
of a segmenter alone are 11 GB."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import Stopped
from core.training.data.example import Example
from core.training.objective import Batch, Objective
from core.training.progress import FEATURES, ProgressFile
from core.training.run_folder import RunFolder

AT_ONCE = 16  # examples
Array = NDArray[Any]


def features(
    folder: RunFolder, objective: Objective, examples: Sequence[Example], progress: ProgressFile
) -> dict[str, Tensor]:
    """[examples, ...] under the names of `objective.encode`, each mapped from its file in features/: a slice of rows is a view
    of the file. Computed where an earlier start did not. Raises Stopped when the run is cancelled meanwhile."""
    place = folder.path / "features"
    if not place.exists():
        if folder.writes:
            _compute(place, folder, objective, examples, progress)
        while not place.exists():  # another of the processes that train together writes it
            if folder.cancelled:
                raise Stopped
            time.sleep(0.5)
    return {file.stem: torch.from_numpy(np.load(file, mmap_mode="c")) for file in sorted(place.glob("*.npy"))}


def rows_from(rows: Batch, start: int, end: int | None = None) -> dict[str, Tensor]:
    """Views of neighbouring rows."""
    return {name: value[start:end] for name, value in rows.items()}


def rows_at(rows: Batch, places: Sequence[int]) -> dict[str, Tensor]:
    """Copies of some rows."""
    return {name: value[torch.tensor(places)] for name, value in rows.items()}


def _compute(
    place: Path, folder: RunFolder, objective: Objective, examples: Sequence[Example], progress: ProgressFile
) -> None:
    """Whole or not at all."""
    part_folder = place.with_name("features.part")
    shutil.rmtree(part_folder, ignore_errors=True)
    part_folder.mkdir()
    columns: dict[str, Column] = {}
    progress.stage(FEATURES, len(examples))
    try:
        for start in range(0, len(examples), AT_ONCE):
            if folder.cancelled:
                raise Stopped
            with torch.inference_mode():
                found = objective.encode(examples[start : start + AT_ONCE])
            for name, value in found.items():
                file = part_folder / f"{name}.npy"
                columns.setdefault(name, Column(file, len(examples))).append(_as_array(value))
            del found, value  # before the next part is there
            progress.update(min(start + AT_ONCE, len(examples)))
    except BaseException:
        shutil.rmtree(part_folder, ignore_errors=True)
        raise
    part_folder.replace(place)
    (folder.path / "features.safetensors").unlink(missing_ok=True)  # of an earlier version, in another order


def _as_array(value: Tensor) -> Array:
    """NumPy has no bfloat16."""
    value = value.float() if value.dtype == torch.bfloat16 else value
    array: Array = value.detach().cpu().numpy()
    return array


class Column:
    """A .npy file of `rows` rows that is written a part at a time. Where parts differ in their other dimensions, as texts of
    different lengths do, all are filled up with zeros to the largest."""

    def __init__(self, path: Path, rows: int) -> None:
        self.path, self.rows = path, rows
        self.written, self.offset = 0, 0
        self.shape: tuple[int, ...] = ()  # of a row
        self.dtype = np.dtype(np.float32)

    def append(self, part: Array) -> None:
        if not self.offset:
            self.shape, self.dtype = part.shape[1:], part.dtype
            self._write_header(self.path)
        largest = tuple(map(max, self.shape, part.shape[1:]))
        if largest != self.shape:
            self._enlarge(largest)
        self._append(self.path, part)
        self.written += len(part)

    def _write_header(self, path: Path) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.shape),
        }
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            self.offset = file.tell()

    def _append(self, path: Path, part: Array) -> None:
        whole = np.zeros((len(part), *self.shape), self.dtype)
        whole[tuple(map(slice, part.shape))] = part
        with path.open("ab") as file:
            file.write(
                whole.tobytes()
            )  # not through a memory map: on a full disk that kills the process without a word

    def _enlarge(self, shape: tuple[int, ...]) -> None:
        before = np.memmap(self.path, self.dtype, "r", self.offset, (self.written, *self.shape))
        larger = self.path.with_suffix(".larger")
        self.shape = shape
        self._write_header(larger)
        for start in range(0, self.written, AT_ONCE):
            self._append(larger, before[start : start + AT_ONCE])
        larger.replace(self.path)
