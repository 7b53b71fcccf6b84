# SPDX-License-Identifier: Apache-2.0

"""All training runs of one place: started, watched, stopped, resumed, compared and given away.

Each run is a folder (core/training/run_folder.py), which is the truth about it, and while it trains a process of its own, which
neither a closed page nor a restart of the app ends. `runs.sqlite` only lists them. One run trains at a time: there is one
device, and two would take more than twice as long; who asks for another is told which one to wait for.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any

from core.engine import OnStep
from core.errors import UserError
from core.models import hub
from core.training import OBJECTIVES
from core.training.data.example import Example
from core.training.metrics import MetricsFile, Reports
from core.training.request import Request, prepare
from core.training.run_folder import CANCELLED, FINISHED, RUNNING, RunFolder
from core.training.supervisor.launch import Launcher
from core.training.supervisor.listing import Run, describe, is_training, log_end
from core.training.supervisor.private import redacted
from core.training.supervisor.process import Process
from core.training.supervisor.table import Row, Table, fingerprint

log = logging.getLogger(__name__)
Listing = list[Run]
Compared = list[dict[str, Any]]


class Runs:
    """Share one; every method may be called from any thread, and by several apps over one place. `models` and `device` are
    what the processes are started with. Methods that take an id raise UserError where there is no such run."""

    def __init__(
        self, place: Path, models: Path | None = None, device: str = "auto", launcher: Launcher | None = None
    ) -> None:
        self.place = place.expanduser().absolute()
        self.launcher = launcher or Launcher(models, device)
        self._table = Table(self.place)
        self._metrics: dict[str, MetricsFile] = {}  # by the run's id; they keep what they have parsed
        self._preparing, self._prepared_now = Lock(), "Another run"
        self._exit_statuses: dict[str, int] = {}  # by the run's id, of processes that were started and ended here

    def start(self, request: Request, examples: Sequence[Example], on_step: OnStep | None = None) -> str:
        """The id of a new run, training in a process of its own. Asked for once more while it trains, as by a double click,
        it is the same run. Raises UserError when the data or the settings will not do, and when another run trains."""
        prepared = prepare(self._traced(request), examples, on_step)
        wanted = fingerprint(prepared)
        with self._table.exclusive():
            running = self._running()
            if running and running.fingerprint == wanted:
                return running.id
            _refuse_second(running)
            row = self._table.add(_new_id(), prepared.request, wanted, Process.own())
            folder = self._folder(row.id)
            folder.path.mkdir()
        try:
            folder.lay_out(prepared)
            self._launch(folder)
        except Exception as error:
            shutil.rmtree(folder.path, ignore_errors=True)
            self._table.remove(row.id)
            raise _in_plain_words(error) from None
        return row.id

    @contextmanager
    def preparing(self, name: str) -> Iterator[None]:
        """To be held while the data of a run are made. Raises UserError at once, so that nobody makes data in vain, while those
        of another are being made here or another one trains."""
        if not self._preparing.acquire(blocking=False):
            raise UserError(f"{self._prepared_now} is being prepared. Wait until it trains: one run trains at a time.")
        try:
            _refuse_second(self._running())
            self._prepared_now = repr(name) if name else "Another run"
            yield
        finally:
            self._preparing.release()

    def list(self) -> Listing:
        """Newest first. A folder that the shell made here is listed too; a run whose folder is gone is not."""
        known = {row.id for row in self._table.rows()}
        for path in self.place.glob("*/request.json"):
            if path.parent.name not in known:
                with suppress(UserError, OSError):  # deleted in this moment, or no run's
                    self._table.adopt(path.parent.name, RunFolder(path.parent).request(), path.stat().st_mtime)
        return [self._describe(row) for row in self._table.rows() if self._folder(row.id).path.is_dir()]

    def get(self, id: str) -> Run:
        return self._describe(self._row(id))

    def show(self, id: str) -> dict[str, Any]:
        """All that is known of a run, as JSON: its row of the list, metrics, predictions, environment and the log's end."""
        run, folder = self.get(id), self.folder(id)
        return {
            **asdict(run),
            "metrics": self.metrics(id),
            "predictions": folder.predictions(),
            "environment": folder.environment(),
            "log": self.log(id),
        }

    def log(self, id: str) -> str:
        """The end of what the process printed, without secrets."""
        return redacted(log_end(self.folder(id)))

    def metrics(self, id: str) -> Reports:
        """Its reports in order of their steps. Cheap to ask again: only what was appended since is read."""
        return self._metrics_of(self._row(id))

    def folder(self, id: str) -> RunFolder:
        return self._folder(self._row(id).id)

    def cancel(self, id: str) -> None:
        """Ask a run to stop after its present update and keep what it has; returns at once. Raises UserError for one that
        does not train."""
        if self.get(id).state != RUNNING:
            raise UserError("This run is not training, so there is nothing to cancel.")
        self.folder(id).cancel()

    def resume(self, id: str) -> None:
        """Go on from the last good checkpoint. Raises UserError for a finished run, for one whose objective is not there (any
        more), and when another one trains."""
        with self._table.exclusive():
            run, running, folder = self.get(id), self._running(), self.folder(id)
            if running and running.id == id:
                return
            if run.state == FINISHED:
                raise UserError("This run is finished. Duplicate and edit it, with more steps, to train for longer.")
            OBJECTIVES.get(run.objective)  # before anything is written
            _refuse_second(running)
            self._table.set_process(id, Process.own())
            folder.write_status(RUNNING)
        try:
            folder.cancel(False)
            self._launch(folder)
        except Exception as error:
            self._table.set_process(id, None)
            raise _in_plain_words(error) from None

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
                "metrics": self.metrics(run.id),
            }
            for run, settings in zip(runs, whole, strict=True)
        ]

    def delete(self, id: str) -> None:
        """Remove a run and all it made. Raises UserError while it trains."""
        with self._table.exclusive():
            row = self._row(id)
            if is_training(row, self._folder(id)):
                raise UserError("This run is training. Cancel it first.")
            gone = self.place / f".gone-{id}"  # out of sight at once, even if removing it is cut off
            self._folder(id).path.rename(gone)
            self._table.remove(id)
            self._metrics.pop(id, None)
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

    def _launch(self, folder: RunFolder) -> None:
        id = folder.path.name
        self._exit_statuses.pop(id, None)
        process = self.launcher.start(folder, on_exit=lambda status: self._exit_statuses.__setitem__(id, status))
        self._table.set_process(id, process)

    def _model(self, id: str) -> Path:
        folder = self.folder(id)
        if self.get(id).state not in (FINISHED, CANCELLED) or not folder.model.is_dir():
            raise UserError("This run has no model yet. Let it finish, or cancel it and keep what it has.")
        return folder.model

    def _running(self) -> Row | None:
        return next((row for row in self._table.rows() if is_training(row, self._folder(row.id))), None)

    def _traced(self, request: Request) -> Request:
        """Of the data of an earlier run, where that one had them from."""
        kind, _, id = request.data.partition(":")
        return replace(request, data=self.get(id).data) if kind == "run" else request

    def _describe(self, row: Row) -> Run:
        return describe(row, self._folder(row.id), self._metrics_of(row), self._exit_statuses.get(row.id))

    def _metrics_of(self, row: Row) -> Reports:
        path = self._folder(row.id).path / "metrics.jsonl"
        return self._metrics.setdefault(row.id, MetricsFile(path)).rows()

    def _row(self, id: str) -> Row:
        row = self._table.row(id)
        if row is None or not self._folder(row.id).path.is_dir():
            raise UserError(f"There is no run {str(id)[:40]!r}. Choose one of the list.")
        return row

    def _folder(self, id: str) -> RunFolder:
        return RunFolder(self.place / id)


def _refuse_second(running: Row | None) -> None:
    if running:
        raise UserError(f"{running.name!r} is training. Wait until it ends, or cancel it: one run trains at a time.")


def _new_id() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def _in_plain_words(error: Exception) -> Exception:
    if isinstance(error, OSError):
        log.warning("a run could not be started: %r", error)
        return UserError("The run could not be started: the disk is full, or its folder cannot be written.")
    return error
