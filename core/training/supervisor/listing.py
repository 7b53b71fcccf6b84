# SPDX-License-Identifier: Apache-2.0

"""What a list shows of a run: put together from its row of the table, its folder and the process that trains it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.training import find_objective
from core.training.failures import outcome_from_outside
from core.training.request import Request
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.supervisor.table import Row

OVER = (FINISHED, CANCELLED, FAILED)
COPYING, STARTING = "copying the data", "starting"  # before the process writes a stage itself
LOG_TAIL = 20_000  # bytes of a log that are shown
Metrics = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """`created` in seconds since 1970, `state` as in core/training/run_folder.py. `stage` is what a running one does, as "computing
    features: 120 of 253", or where another one ended; `reason` why one failed; `step` of `steps` updates are made. `seconds` its
    processes have worked, and of a running one `seconds_left` until the stage ends. `sign_of_life` is when it last wrote how far
    it is, in seconds since 1970, or began. `held_out` examples were kept from training: what is measured is measured on them.
    None where it is not known. `stopping` where a running one was asked to stop."""

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
    seconds: float | None = None
    seconds_left: float | None = None
    sign_of_life: float | None = None
    held_out: int | None = None
    stopping: bool = False


def describe(row: Row, folder: RunFolder, metrics: Metrics, exit_status: int | None = None) -> Run:
    """Of any folder, whatever is in it: what cannot be read is a failed run with the reason. `exit_status` is that of the run's
    last process, where it is known."""
    training = is_training(row, folder)
    try:
        request, status = folder.request(), folder.status()
    except UserError as error:  # damaged, or only just being laid out
        request = Request(row.objective, "", name=row.name)
        status = {"state": "" if training else FAILED, "reason": str(error)}
    unknown = _unknown_objective(request)
    state, reason = status.get("state"), str(status.get("reason", ""))
    if training:
        state, reason = RUNNING, ""
    elif state not in OVER:
        if state != INTERRUPTED:  # it could not even say that
            state, reason = outcome_from_outside(exit_status, log_end(folder))
        state = FAILED if unknown else state
    steps = request.settings.get("steps")
    return Run(
        id=row.id,
        name=row.name,
        objective=row.objective,
        data=request.data,
        base=request.base,
        settings=request.settings,
        created=row.created,
        state=state,
        reason=" ".join(filter(None, (reason, "" if training else unknown))),
        step=int(metrics[-1]["step"]) if metrics else 0,
        steps=steps if isinstance(steps, int) else 0,
        held_out=folder.held_out(),
        stopping=training and folder.cancelled,
        **_progress(row, folder, training),
    )


def is_training(row: Row, folder: RunFolder) -> bool:
    """Whether a process works on it: the one that was started here, or one that the shell started."""
    with suppress(UserError):
        if folder.status().get("state") in OVER:
            return False
    return any(process is not None and process.alive for process in (row.process, folder.process()))


def log_end(folder: RunFolder) -> str:
    """The last LOG_TAIL bytes of what the process printed; "" where there is no log."""
    with suppress(OSError), folder.log.open("rb") as file:
        file.seek(max(0, folder.log.stat().st_size - LOG_TAIL))
        return file.read().decode("utf-8", "replace")
    return ""


def _progress(row: Row, folder: RunFolder, training: bool) -> dict[str, Any]:
    progress, now = folder.progress(), time.time()
    processes = [process for process in (row.process, folder.process()) if training and process and process.alive]
    started = max((process.started for process in processes), default=0.0)
    if training and (progress is None or progress.began < started):  # what there is was written by an earlier process
        stage = STARTING if (folder.path / "request.json").exists() else COPYING
        began = max(started, row.created)  # until it is launched, the process noted is the app itself
        earlier = progress.seconds() if progress else 0.0
        return {"stage": stage, "seconds": earlier + max(0.0, now - began), "sign_of_life": began}
    if progress is None:
        return {}
    return {
        "stage": str(progress),
        "seconds": progress.seconds(now if training else None),
        "seconds_left": progress.seconds_left(now) if training else None,
        "sign_of_life": progress.updated,
    }


def _unknown_objective(request: Request) -> str:
    """Why nothing more can be done with a run, in a sentence; "" where its objective is there."""
    if find_objective(request.objective):
        return ""
    return (
        f"This lab has no objective called {request.objective[:80]!r} (any more). Put its file back to resume or duplicate the "
        f"run; a model that it made can still be used, or delete the run."
    )
