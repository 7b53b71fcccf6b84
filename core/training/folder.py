"""A run's folder, which is the truth about it: what was asked, on which machine, what was measured, and what was kept.

request.json      objective, data, base and settings       environment.json  versions and machine
data.jsonl        the examples, one a line                 features.safetensors  what the frozen parts saw of them
status.json       how far it is, or why it failed          metrics.jsonl     one line for each report
checkpoint-N/     with a file `complete`, written last     predictions.json  before and after, on the same examples
model/            what was trained, in save_pretrained form, with a model card
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.models import EMBEDDED
from core.training.objective import Example

COMPLETE = "complete"  # a checkpoint without this file was cut off while it was written
RUNNING, FINISHED, CANCELLED, FAILED, INTERRUPTED = "running", "finished", "cancelled", "failed", "interrupted"


@dataclass(frozen=True)
class Request:
    """`data` says where the examples came from, `base` which checkpoint is trained further; `settings` are the
    objective's."""

    objective: str
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: str = EMBEDDED
    name: str = ""


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def model(self) -> Path:
        return self.path / "model"

    def request(self) -> Request:
        """Raises UserError where there is none."""
        return Request(**self._read("request.json"))

    def ask(self, request: Request, examples: Iterable[Example]) -> None:
        self.path.mkdir(parents=True)
        self.write("data.jsonl", "".join(json.dumps(asdict(example)) + "\n" for example in examples))
        self.write("request.json", json.dumps(asdict(request), indent=1))

    def examples(self) -> list[Example]:
        return [Example(**row) for row in self._lines("data.jsonl")]

    def status(self) -> dict[str, Any]:
        """`state` and, where there is one, a `reason`; of a run that never began, nothing."""
        return self._read("status.json") if (self.path / "status.json").exists() else {}

    def say(self, state: str, **more: Any) -> None:
        self.write("status.json", json.dumps({"state": state, **more}))

    def metrics(self) -> list[dict[str, Any]]:
        """Reports in order of their steps; a line that was cut off is left out."""
        return self._lines("metrics.jsonl")

    def report(self, row: Mapping[str, Any]) -> None:
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def forget_after(self, step: int) -> None:
        """Reports of updates that a resumed run makes again."""
        kept = [row for row in self.metrics() if row["step"] <= step]
        self.write("metrics.jsonl", "".join(json.dumps(row) + "\n" for row in kept))

    def predictions(self) -> dict[str, Any]:
        return self._read("predictions.json") if (self.path / "predictions.json").exists() else {}

    def checkpoints(self) -> list[Path]:
        """Those that are complete, oldest first."""
        found = [path for path in self.path.glob("checkpoint-*") if (path / COMPLETE).exists()]
        return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))

    @property
    def cancelled(self) -> bool:
        return (self.path / "cancel").exists()

    def cancel(self, wanted: bool = True) -> None:
        """Ask the process to stop after its present update and to keep what it has."""
        mark = self.path / "cancel"
        mark.touch() if wanted else mark.unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """Whole or not at all."""
        part = self.path / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.path / name)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UserError(f"The run {self.path.name!r} has no readable {name}.") from None
        return found

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path, rows = self.path / name, []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows
