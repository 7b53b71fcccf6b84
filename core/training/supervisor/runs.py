"""All training runs of one place: started, watched, stopped, gone on with, compared and given away.

Each run is a folder (core/training/folder.py), which is the truth about it, and while it trains a process of its own, which
neither a closed page nor a restart of the app ends. `runs.sqlite` only lists them. One run trains at a time: there is one
device, and two would take more than twice as long; who asks for another is told which one to wait for.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.models import hub
from core.training import OBJECTIVES, all_objectives, find_objective
from core.training.data.example import Example
from core.training.data.loading import check, split
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, Request, RunFolder
from core.training.supervisor.private import redacted, without_secrets
from core.training.supervisor.process import Process
from core.training.supervisor.table import Row, Table, fingerprint

ROOT = Path(__file__).parents[3]
NAME_LENGTH = 1_000  # characters
LOG_SHOWN = 20_000  # bytes
OVER = (FINISHED, CANCELLED, FAILED)
Compared = list[dict[str, Any]]
Command = list[str]


@dataclass(frozen=True)
class Run:
    """What a list shows of a run. `created` in seconds since 1970, `state` as in core/training/folder.py; `stage` says what a
    running one does, `reason` why one failed; `step` of `steps` updates are made."""

    id: str
    name: str
    objective: str
    data: str
    base: str
    settings: Mapping[str, Any]
    created: float
    state: str
    stage: str = ""
    reason: str = ""
    step: int = 0
    steps: int = 0


Listing = list[Run]


class Runs:
    """Share one; every method may be called from any thread, and by several apps over one place. `models` and `device` are
    what the processes are started with. Methods that take an id raise UserError where there is no such run."""

    def __init__(self, place: Path, models: Path | None = None, device: str = "auto") -> None:
        self.place = place.expanduser().absolute()
        self.models, self.device = models, device
        self._table = Table(self.place)

    def start(self, request: Request, examples: Sequence[Example]) -> str:
        """The id of a new run, training in a process of its own. Asked for once more while it trains, as by a double click,
        it is the same run. Raises UserError when the data or the settings will not do, and when another run trains."""
        request, usable = _checked(self._traced(request), examples)
        asked = fingerprint(request, usable)
        with self._table.alone():
            running = self._running()
            if running and running.asked == asked:
                return running.id
            self._refuse_second(running)
            row = self._table.add(_new_id(), request, asked, Process.own())
            folder = self._folder(row.id)
            folder.path.mkdir()
        try:
            folder.ask(request, usable)
            self._spawn(folder)
        except Exception as error:
            shutil.rmtree(folder.path, ignore_errors=True)
            self._table.remove(row.id)
            raise _plain(error) from None
        return row.id

    def list(self) -> Listing:
        """Newest first. A folder that the shell made here is listed too; a run whose folder is gone is not."""
        known = {row.id for row in self._table.rows()}
        for path in self.place.glob("*/request.json"):
            if path.parent.name not in known:
                with suppress(UserError):
                    self._table.adopt(path.parent.name, RunFolder(path.parent).request(), path.stat().st_mtime)
        return [self._run(row) for row in self._table.rows() if self._folder(row.id).path.is_dir()]

    def get(self, id: str) -> Run:
        return self._run(self._row(id))

    def show(self, id: str) -> dict[str, Any]:
        """All that is known of a run, as JSON: its row of the list, metrics, predictions, environment and the log's end."""
        run, folder = self.get(id), self.folder(id)
        return {
            **asdict(run),
            "metrics": folder.metrics(),
            "predictions": folder.predictions(),
            "environment": folder.environment(),
            "log": self.log(id),
        }

    def log(self, id: str) -> str:
        """The end of what the process printed, without secrets."""
        path = self.folder(id).log
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_SHOWN))
            return redacted(file.read().decode("utf-8", "replace"))

    def folder(self, id: str) -> RunFolder:
        return self._folder(self._row(id).id)

    def cancel(self, id: str) -> None:
        """Ask a run to stop after its present update and keep what it has; returns at once. Raises UserError for one that
        does not train."""
        if self.get(id).state != RUNNING:
            raise UserError("This run is not training, so there is nothing to cancel.")
        self.folder(id).cancel()

    def resume(self, id: str) -> None:
        """Go on from the last good checkpoint. Raises UserError for a finished run, and when another one trains."""
        with self._table.alone():
            run, running = self.get(id), self._running()
            if running and running.id == id:
                return
            if run.state == FINISHED:
                raise UserError("This run is finished. Clone it with more steps to train for longer.")
            OBJECTIVES.get(run.objective)  # before anything is written: its file may be gone
            self._refuse_second(running)
            self._table.give(id, Process.own())
            self.folder(id).say(RUNNING, stage="starting")
        try:
            self.folder(id).cancel(False)
            self._spawn(self.folder(id))
        except Exception as error:
            self._table.give(id, None)
            raise _plain(error) from None

    def compare(self, ids: Sequence[str]) -> Compared:
        """For each run its id, name and metrics, and those settings in which they are not all alike."""
        runs = [self.get(id) for id in ids]
        whole = [{"objective": run.objective, "data": run.data, "base": run.base, **run.settings} for run in runs]
        names = list(dict.fromkeys(name for settings in whole for name in settings))
        other = [name for name in names if len({repr(settings.get(name)) for settings in whole}) > 1]
        return [
            {
                "id": run.id,
                "name": run.name,
                "settings": {name: settings.get(name) for name in other},
                "metrics": self.folder(run.id).metrics(),
            }
            for run, settings in zip(runs, whole, strict=True)
        ]

    def delete(self, id: str) -> None:
        """Remove a run and all it made. Raises UserError while it trains."""
        with self._table.alone():
            row = self._row(id)
            if self._trains(row):
                raise UserError("This run is training. Cancel it first.")
            path = self._folder(id).path
            gone = self.place / f".gone-{id}"  # out of sight at once, even if removing it is cut off
            path.rename(gone)
            self._table.remove(id)
        shutil.rmtree(gone, ignore_errors=True)

    def zip(self, id: str, into: Path) -> Path:
        """The model's files as `into`/ID.zip. Raises UserError where there is no model yet."""
        model, target = self._model(id), into / f"{id}.zip"
        into.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in model.rglob("*") if path.is_file()):
                archive.write(file, file.relative_to(model))
        return target

    def push(self, id: str, repo: str, token: str | None = None) -> str:
        """Give the model to the hub as `repo` ("owner/name"), private where it is new; its address. The token is HF_TOKEN of
        the environment. Raises UserError without one, and when the hub refuses."""
        return hub.push(self._model(id), repo, token or os.environ.get("HF_TOKEN", ""))

    def _model(self, id: str) -> Path:
        folder = self.folder(id)
        if self.get(id).state not in (FINISHED, CANCELLED) or not folder.model.is_dir():
            raise UserError("This run has no model yet. Let it finish, or cancel it and keep what it has.")
        return folder.model

    def _spawn(self, folder: RunFolder) -> None:
        """Start the process, and note in the table which one it is."""
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                self._command(folder),
                cwd=ROOT,
                env={**without_secrets(), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C in the app's terminal is not for it
            )
        self._table.give(folder.path.name, Process.of(process.pid))
        threading.Thread(target=process.wait, daemon=True).start()  # or it would stay in the system's list when it ends

    def _command(self, folder: RunFolder) -> Command:
        models = ["--models", str(self.models.absolute())] if self.models else []
        return [sys.executable, "-m", "core.training", str(folder.path), "--device", self.device, *models]

    def _run(self, row: Row) -> Run:
        folder = self._folder(row.id)
        try:
            request, status = folder.request(), folder.status()
        except UserError as error:  # damaged, or only just being laid out
            request = Request(row.objective, "", name=row.name)
            status = {"state": "" if self._trains(row) else FAILED, "reason": str(error)}
        state, missing = status.get("state", ""), self._missing(request)
        if state not in OVER:
            state = RUNNING if self._trains(row) else FAILED if missing else INTERRUPTED
        metrics = folder.metrics()
        return Run(
            row.id,
            row.name,
            row.objective,
            request.data,
            request.base,
            request.settings,
            row.created,
            state,
            str(status.get("stage", "starting")) if state == RUNNING else "",
            " ".join(filter(None, (str(status.get("reason", "")), missing))) if state != RUNNING else "",
            int(metrics[-1]["step"]) if metrics else 0,
            steps if isinstance(steps := request.settings.get("steps"), int) else 0,
        )

    def _missing(self, request: Request) -> str:
        """Why nothing more can be done with a run, in a sentence; "" where its objective is there."""
        if find_objective(request.objective):
            return ""
        return (
            f"This lab has no objective called {request.objective[:80]!r} (any more). Put its file back to resume or "
            f"clone the run; a model that it made can still be used, or delete the run."
        )

    def _running(self) -> Row | None:
        return next((row for row in self._table.rows() if self._trains(row)), None)

    def _trains(self, row: Row) -> bool:
        """Whether a process works on it: the one that was started here, or one that the shell started."""
        folder = self._folder(row.id)
        with suppress(UserError):
            if folder.status().get("state") in OVER:
                return False
        return any(process is not None and process.lives for process in (row.process, folder.process()))

    def _refuse_second(self, running: Row | None) -> None:
        if running:
            raise UserError(
                f"{running.name!r} is training. Wait until it ends, or cancel it: one run trains at a time."
            )

    def _traced(self, request: Request) -> Request:
        """Of the data of an earlier run, where that one had them from."""
        kind, _, id = request.data.partition(":")
        return replace(request, data=self.get(id).data) if kind == "run" else request

    def _row(self, id: str) -> Row:
        row = self._table.row(id)
        if row is None or not self._folder(row.id).path.is_dir():
            raise UserError(f"There is no run {str(id)[:40]!r}. Choose one of the list.")
        return row

    def _folder(self, id: str) -> RunFolder:
        return RunFolder(self.place / id)


def clean_name(name: str) -> str:
    """One line of printable text, "run" where there is none. Names are for people: no path is made of them."""
    name = " ".join("".join(c if c.isprintable() else " " for c in str(name)).split())
    if len(name) > NAME_LENGTH:
        raise UserError(f"Give the run a name of at most {NAME_LENGTH:,} characters.")
    return name or "run"


def _checked(request: Request, examples: Sequence[Example]) -> tuple[Request, list[Example]]:
    """The request with every setting written out, so that it means the same when defaults change; and what can be used."""
    all_objectives()
    objective = OBJECTIVES.get(request.objective)
    config = objective.Config.read(request.settings)
    usable = check(examples, objective).usable
    split(len(usable), config)
    return replace(request, name=clean_name(request.name or request.objective), settings=asdict(config)), usable


def _new_id() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def _plain(error: Exception) -> Exception:
    if isinstance(error, OSError):
        return UserError("The run could not be started: the disk is full, or its folder cannot be written.")
    return error
