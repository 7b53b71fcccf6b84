# SPDX-License-Identifier: Apache-2.0

"""How far a run is: written by its process, read by whoever watches. It has a file of its own (progress.json), because that
trained models come and go is read off the time of status.json."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
FEATURES, MEASURING, TRAINING, SAVING = "computing features", "measuring first", "training", "saving the model"
INTERVAL = 1.0  # seconds between two writes within a stage


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pieces of the stage are finished, `first` of them before this process began; `total` is 0 where there is
    nothing to count. Times in seconds since 1970: of the process's start, of the stage's, and of this word."""

    stage: str
    began: float
    stage_began: float
    updated: float
    done: int = 0
    total: int = 0
    first: int = 0

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        """None where there is none (yet), or what no run wrote."""
        try:
            found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            progress = cls(**found)
        except (OSError, ValueError, TypeError):
            return None
        numbers = [value for name, value in asdict(progress).items() if name != "stage"]
        return progress if all(isinstance(number, int | float) for number in numbers) else None

    def __str__(self) -> str:
        """As "training: 40 of 200"."""
        return f"{self.stage}: {self.done:,} of {self.total:,}" if self.total else str(self.stage)

    @property
    def seconds(self) -> float:
        """From the process's start until this word."""
        return max(0.0, self.updated - self.began)

    @property
    def seconds_left(self) -> float | None:
        """Until the stage ends, at the pace that it has had; None where nothing is known."""
        finished = self.done - self.first
        if not self.total or finished <= 0:
            return None
        return max(0.0, (self.updated - self.stage_began) / finished * (self.total - self.done))


class ProgressFile:
    """What the process writes with. A full disk does not end a run here: what matters is written elsewhere."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        now = time.time()
        self.progress = Progress("starting", now, now, now)

    def stage(self, stage: str, total: int = 0, done: int = 0) -> None:
        """Begin a stage of `total` pieces, of which `done` were finished before."""
        now = time.time()
        self._write(
            replace(self.progress, stage=stage, stage_began=now, updated=now, done=done, total=total, first=done)
        )

    def update(self, done: int) -> None:
        """So many pieces of the stage are finished. Written once in INTERVAL at most, and at the stage's end."""
        now = time.time()
        if now - self.progress.updated >= INTERVAL or done == self.progress.total:
            self._write(replace(self.progress, updated=now, done=done))

    def _write(self, progress: Progress) -> None:
        self.progress = progress
        if not self.writes:
            return
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            part.write_text(json.dumps(asdict(progress)), encoding="utf-8")
            os.replace(part, self.path)
        except OSError as error:
            log.warning("progress could not be written: %r", error)
