# SPDX-License-Identifier: Apache-2.0

"""How far a run is: written by its process, read by whoever watches. It has a file of its own
(progress.json), since status.json is written only when the state changes."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
LOADING, FEATURES, EVALUATING, TRAINING, SAVING = (  # the stages of a run's process, in their order
    "loading data",
    "computing features",
    "evaluating",
    "training",
    "saving the model",
)
INTERVAL = 1.0  # seconds between two writes within a stage


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pieces of the stage are finished, `first` of them before this process began; `total` is 0 where there is
    nothing to count. `activity` interrupts the stage, as an evaluation does training. Times in seconds since 1970: when the
    process began, when the stage began, and when this was written; `earlier` are the seconds that earlier processes of the run
    worked, which were cut off."""

    stage: str
    began: float
    stage_began: float
    updated: float
    done: int = 0
    total: int = 0
    first: int = 0
    activity: str = ""
    earlier: float = 0.0

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        """None where there is none (yet), or what no run wrote."""
        try:
            found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            progress = cls(**found)
        except (OSError, ValueError, TypeError):
            return None
        values = asdict(progress)
        texts = [values.pop("stage"), values.pop("activity")]
        readable = all(isinstance(text, str) for text in texts) and all(map(_is_number, values.values()))
        return progress if readable else None

    def __str__(self) -> str:
        """As "training: 40 of 200" or "training: 50 of 200, evaluating"."""
        counted = f"{self.stage}: {self.done:,} of {self.total:,}" if self.total else self.stage
        return f"{counted}, {self.activity}" if self.activity else counted

    def seconds(self, now: float | None = None) -> float:
        """That the run's processes worked: until `now`, or until this was written."""
        return max(0.0, self.earlier + (self.updated if now is None else now) - self.began)

    def seconds_left(self, now: float) -> float | None:
        """From `now` until the stage ends, at its pace so far, evaluations included; None before anything is finished, and of a
        stage in which nothing is counted."""
        finished = self.done - self.first
        if not self.total or finished <= 0:
            return None
        each = (self.updated - self.stage_began) / finished
        return max(0.0, each * (self.total - self.done) - (now - self.updated))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


class ProgressFile:
    """What a run's process writes with; times go on where an earlier process of the run was cut off. A full disk does not end
    a run here: what matters is written elsewhere."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        now, before = time.time(), Progress.read(path)
        self.progress = Progress(LOADING, now, now, now, earlier=before.seconds() if before else 0.0)

    def stage(self, stage: str, total: int = 0, done: int = 0) -> None:
        """Begin a stage of `total` pieces, of which `done` were finished before."""
        now = time.time()
        began, earlier = self.progress.began, self.progress.earlier
        self._write(Progress(stage, began, now, now, done, total, first=done, earlier=earlier))

    def update(self, done: int) -> None:
        """So many pieces of the stage are finished. Written once in INTERVAL at most, and at the stage's end."""
        now = time.time()
        if now - self.progress.updated >= INTERVAL or done == self.progress.total:
            self._write(replace(self.progress, updated=now, done=done))

    @contextmanager
    def during(self, activity: str, done: int) -> Iterator[None]:
        """The stage, of which `done` pieces are finished, waits for `activity` and then goes on. Both are written at once; an
        error leaves the activity as where it happened."""
        self._write(replace(self.progress, updated=time.time(), done=done, activity=activity))
        yield
        self._write(replace(self.progress, updated=time.time(), activity=""))

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
