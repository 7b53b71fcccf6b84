# SPDX-License-Identifier: Apache-2.0

"""A run's folder, which is the truth about it: what was asked, on which machine, what was measured, and what was kept.

request.json      objective, data, base and settings       environment.json  versions and machine
data.jsonl        the examples, one a line                 data/             their pictures
split.json        which examples are held out              log.txt           what it printed, where the lab started it
process.json      which process trains, while one does     cancel            there when it is to stop
status.json       state, and the reason of a failure       progress.json     its stage, how far it is, when it last wrote
metrics.jsonl     one line for each report                 predictions.json  before and after, on the same examples
features/         what the frozen parts made of the data   base.json         where a local base lies, relative to here
checkpoint-N/     with a file `complete`, written last
model/            what was trained, in save_pretrained form, with a model card; it alone is given away
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.training import checkpoints
from core.training.data.example import Example
from core.training.data.picture_files import PictureFiles
from core.training.data.split import Split, split_by_row
from core.training.metrics import MetricsFile, Reports
from core.training.progress import Progress
from core.training.request import Prepared, Request
from core.training.supervisor.process import Process

log = logging.getLogger(__name__)
RUNNING, FINISHED, CANCELLED, FAILED, INTERRUPTED = "running", "finished", "cancelled", "failed", "interrupted"


class RunFolder:
    """Without `writes` nothing is written: of several processes that train together, one writes. Methods that read raise
    UserError where a file that must be there is missing or was not written by a run."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def lay_out(self, prepared: Prepared) -> None:
        """Make the folder, with the pictures in it: what they came from may be deleted before the run ends.

        Raises UserError where there is something in the folder already, or a picture is gone."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(self.path.iterdir()):
            raise UserError(f"There is a folder {self.path.name!r} already. Choose another for a new run.")
        keep = PictureFiles(self.path)
        rows = [replace(one, image=keep(one.image), mask=keep(one.mask)) for one in prepared.examples]
        self.write("data.jsonl", "".join(json.dumps(asdict(row)) + "\n" for row in rows))
        self.write("split.json", json.dumps(asdict(prepared.split)))
        self.write("request.json", json.dumps(asdict(prepared.request), indent=1))

    def request(self) -> Request:
        try:
            request = Request(**self._read("request.json"))
        except TypeError:
            raise self._unreadable("request.json") from None
        texts = (request.objective, request.data, request.base, request.name)
        if not (all(isinstance(text, str) for text in texts) and isinstance(request.settings, dict)):
            raise self._unreadable("request.json")
        return request

    def examples(self) -> list[Example]:
        """With whole paths; in the file they are relative to the folder, so that it can be moved."""
        try:
            rows = [Example(**row) for row in self._lines("data.jsonl")]
        except TypeError:
            raise self._unreadable("data.jsonl") from None
        return [self._whole(row) for row in rows]

    def split(self, rows: int, held_out: float, seed: int) -> Split:
        """The split that the run began with, of `rows` examples. A folder of before there was a split.json goes on with the
        rule of that time, by `held_out` and `seed`."""
        if not (self.path / "split.json").exists():
            return split_by_row(rows, held_out, seed)
        try:
            split = Split(**self._read("split.json"))
            fits = sorted([*split.train, *split.held_out]) == list(range(rows))
        except TypeError:
            fits = False
        if not fits:
            raise UserError(
                f"split.json of the run {self.path.name!r} does not fit its {rows} examples. Start a new run."
            )
        return split

    def held_out(self) -> int | None:
        """How many examples are measured on; None of a folder of before there was a split.json."""
        with suppress(UserError, TypeError, KeyError):
            return len(self._read("split.json")["held_out"]) if (self.path / "split.json").exists() else None
        return None

    def status(self) -> dict[str, Any]:
        """`state` and, where there is one, a `reason`; of a run that never began, nothing."""
        return self._read("status.json") if (self.path / "status.json").exists() else {}

    def write_status(self, state: str, **more: Any) -> None:
        """Only when the state changes."""
        status = {"state": state, **more}
        with suppress(UserError):
            if self.status() == status:
                return
        self.write("status.json", json.dumps(status))

    def process(self) -> Process | None:
        """The one that trains here, or that did when it was killed."""
        with suppress(UserError, TypeError):
            return Process(**self._read("process.json"))
        return None

    def claim(self) -> None:
        """Let this process be the one that trains here. Raises UserError while another does."""
        other, own = self.process(), Process.own()
        if self.writes and other and other.alive and other.pid != own.pid:
            raise UserError("Another process is training this run already. Wait until it ends, or cancel it.")
        self.write("process.json", json.dumps(asdict(own)))

    def release(self) -> None:
        if self.writes:
            (self.path / "process.json").unlink(missing_ok=True)

    def progress(self) -> Progress | None:
        """None before the run's process has begun, and of a folder of before there was a progress.json."""
        return Progress.read(self.path / "progress.json")

    def metrics(self) -> Reports:
        """Reports in order of their steps; a line that was cut off is left out."""
        return MetricsFile(self.path / "metrics.jsonl").rows()

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        if self.writes:
            with (self.path / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")

    def truncate_metrics(self, step: int) -> None:
        """Drop the reports after this update: a resumed run makes those updates again."""
        kept = [row for row in self.metrics() if row["step"] <= step]
        self.write("metrics.jsonl", "".join(json.dumps(row) + "\n" for row in kept))

    def predictions(self) -> dict[str, Any]:
        """`examples`, and what was predicted of each `before` and `after`; files relative to the folder."""
        found = self._read("predictions.json") if (self.path / "predictions.json").exists() else {}
        rows = [one for one in found.get("examples", []) if isinstance(one, dict)]
        return {**found, "examples": [asdict(self._inside(_example(row))) for row in rows]} if found else {}

    def write_predictions(self, when: str, examples: Sequence[Example], predicted: Sequence[str]) -> None:
        """Beside those of another time, of the same examples."""
        rows = [asdict(self._inside(example)) for example in examples]
        whole = {"examples": rows, **self.predictions(), when: list(predicted)}
        self.write("predictions.json", json.dumps(whole, indent=1))

    def predicted_examples(self) -> list[Example]:
        """Those of `predictions`, with whole paths."""
        return [self._whole(_example(row)) for row in self.predictions().get("examples", [])]

    def environment(self) -> dict[str, Any]:
        return self._read("environment.json") if (self.path / "environment.json").exists() else {}

    def checkpoints(self) -> list[Path]:
        """Those that are complete and undamaged, oldest first. Reads them through."""
        return checkpoints.complete_ones(self.path)

    def mark_complete(self, step: int) -> None:
        """The checkpoint of this step is written."""
        if self.writes:
            checkpoints.mark_complete(self.path / f"checkpoint-{step}")

    def remove_incomplete(self) -> None:
        """Remove checkpoints that are not whole."""
        if self.writes:
            checkpoints.remove_incomplete(self.path)

    @property
    def cancelled(self) -> bool:
        return (self.path / "cancel").exists()

    def cancel(self, wanted: bool = True) -> None:
        """Ask the process to stop after its present update and to keep what it has."""
        mark = self.path / "cancel"
        mark.touch() if wanted else mark.unlink(missing_ok=True)

    def write(self, name: str, text: str) -> None:
        """Whole or not at all."""
        if not self.writes:
            return
        part = self.path / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.path / name)

    @staticmethod
    def _inside(row: Example) -> Example:
        """With paths relative to the folder. Earlier versions wrote whole paths into predictions.json, of where the folder was
        then: pictures and masks are in data/."""
        image, mask = (f"data/{Path(path).name}" if path else "" for path in (row.image, row.mask))
        return replace(row, image=image, mask=mask)

    def _whole(self, row: Example) -> Example:
        image, mask = (str(self.path / path) if path else "" for path in (row.image, row.mask))
        return replace(row, image=image, mask=mask)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.info("%s of run %s: %r", name, self.path.name, error)
            raise self._unreadable(name) from None
        if not isinstance(found, dict):
            raise self._unreadable(name)
        return found

    def _unreadable(self, name: str) -> UserError:
        return UserError(f"The run {self.path.name!r} has no readable {name}.")

    def _lines(self, name: str) -> list[Any]:
        path, rows = self.path / name, []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows


def _example(row: Mapping[str, Any]) -> Example:
    """What a file has of an example, whoever wrote it."""
    return Example(**{field.name: str(row.get(field.name, "")) for field in fields(Example)})
