"""A run's folder, which is the truth about it: what was asked, on which machine, what was measured, and what was kept.

request.json      objective, data, base and settings       environment.json  versions and machine
data.jsonl        the examples, one a line                 data/  their pictures
process.json      which process trains, while one does     log.txt  what it printed, where the lab started it
status.json       how far it is, or why it failed          metrics.jsonl     one line for each report
checkpoint-N/     with a file `complete`, written last     predictions.json  before and after, on the same examples
model/            what was trained, in save_pretrained form, with a model card
features.safetensors  what the frozen parts saw of the examples
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.models.family import EMBEDDED
from core.training import checkpoints
from core.training.data.example import Example
from core.training.supervisor.process import Process

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
    """Without `writes` all that a run notes down is left out: of several processes that train together, one writes."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def request(self) -> Request:
        """Raises UserError where there is none, or one that no run ever wrote."""
        try:
            request = Request(**self._read("request.json"))
        except TypeError:
            raise self._unreadable("request.json") from None
        texts = (request.objective, request.data, request.base, request.name)
        if not (all(isinstance(text, str) for text in texts) and isinstance(request.settings, dict)):
            raise self._unreadable("request.json")
        return request

    def ask(self, request: Request, examples: Iterable[Example]) -> None:
        """Lay a new folder out, with the pictures in it: what they came from may be deleted before the run ends.

        Raises UserError where there is something in the folder already, or a picture is gone."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(self.path.iterdir()):
            raise UserError(f"There is a folder {self.path.name!r} already. Choose another for a new run.")
        keep = _Pictures(self.path)
        rows = [replace(example, image=keep(example.image), mask=keep(example.mask)) for example in examples]
        self.write("data.jsonl", "".join(json.dumps(asdict(row)) + "\n" for row in rows))
        self.write("request.json", json.dumps(asdict(request), indent=1))

    def examples(self) -> list[Example]:
        """With whole paths; they are kept as seen from the folder, so that it can be moved."""
        found = [Example(**row) for row in self._lines("data.jsonl")]
        return [replace(row, image=self._whole(row.image), mask=self._whole(row.mask)) for row in found]

    def status(self) -> dict[str, Any]:
        """`state` and, where there is one, a `reason`; of a run that never began, nothing."""
        return self._read("status.json") if (self.path / "status.json").exists() else {}

    def say(self, state: str, **more: Any) -> None:
        self.write("status.json", json.dumps({"state": state, **more}))

    def process(self) -> Process | None:
        """The one that trains here, or that did when it was killed."""
        with suppress(UserError, TypeError):
            return Process(**self._read("process.json"))
        return None

    def hold(self) -> None:
        """Let this process be the one that trains here. Raises UserError while another does."""
        other, own = self.process(), Process.own()
        if self.writes and other and other.lives and other.pid != own.pid:
            raise UserError("Another process is training this run already. Wait until it ends, or cancel it.")
        self.write("process.json", json.dumps(asdict(own)))

    def let_go(self) -> None:
        if self.writes:
            (self.path / "process.json").unlink(missing_ok=True)

    def metrics(self) -> list[dict[str, Any]]:
        """Reports in order of their steps, numbers all; a line that was cut off is left out."""
        rows = [row for row in self._lines("metrics.jsonl") if isinstance(row, dict)]
        numbers = [{name: value for name, value in row.items() if isinstance(value, int | float)} for row in rows]
        return [row for row in numbers if "step" in row]

    def report(self, row: Mapping[str, Any]) -> None:
        if self.writes:
            with (self.path / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")

    def forget_after(self, step: int) -> None:
        """Reports of updates that a resumed run makes again."""
        kept = [row for row in self.metrics() if row["step"] <= step]
        self.write("metrics.jsonl", "".join(json.dumps(row) + "\n" for row in kept))

    def predictions(self) -> dict[str, Any]:
        return self._read("predictions.json") if (self.path / "predictions.json").exists() else {}

    def environment(self) -> dict[str, Any]:
        return self._read("environment.json") if (self.path / "environment.json").exists() else {}

    def checkpoints(self) -> list[Path]:
        """Those that are complete and undamaged, oldest first. Reads them through."""
        return checkpoints.intact_ones(self.path)

    def seal(self, step: int) -> None:
        """The checkpoint of this step is written."""
        if self.writes:
            checkpoints.seal(self.path / f"checkpoint-{step}")

    def sweep(self) -> None:
        """Remove checkpoints that are not whole."""
        if self.writes:
            checkpoints.sweep(self.path)

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

    def _whole(self, path: str) -> str:
        return str(self.path / path) if path else ""

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise self._unreadable(name) from None
        if not isinstance(found, dict):
            raise self._unreadable(name)
        return found

    def _unreadable(self, name: str) -> UserError:
        return UserError(f"The run {self.path.name!r} has no readable {name}.")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path, rows = self.path / name, []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows


class _Pictures:
    """Takes pictures into `run`/data, each once: linked where the disk is the same, which costs no room, else copied."""

    def __init__(self, run: Path) -> None:
        self.run, self.taken = run, dict[str, str]()

    def __call__(self, path: str) -> str:
        """The picture's path as seen from the run's folder; "" stays "". Raises UserError when it is gone."""
        if path and path not in self.taken:
            suffix = Path(path).suffix.lower()
            name = f"data/{len(self.taken):05d}{suffix if suffix[1:].isalnum() else ''}"
            (self.run / "data").mkdir(exist_ok=True)
            source = Path(path).resolve()  # a link itself would be linked to, not its picture
            if not source.is_file():
                raise UserError("A picture of the data is gone. Load the data again.")
            try:
                os.link(source, self.run / name)
            except OSError:
                shutil.copyfile(source, self.run / name)
            self.taken[path] = name
        return self.taken.get(path, "")
