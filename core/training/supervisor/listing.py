"""What a list shows of a run: put together from its row of the table, its folder and the process that trains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.training import find_objective
from core.training.request import Request
from core.training.run_folder import CANCELLED, FAILED, FINISHED, INTERRUPTED, RUNNING, RunFolder
from core.training.supervisor.table import Row

OVER = (FINISHED, CANCELLED, FAILED)
Metrics = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """`created` in seconds since 1970, `state` as in core/training/run_folder.py; `stage` says what a running one does, `reason`
    why one failed; `step` of `steps` updates are made."""

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


def describe(row: Row, folder: RunFolder, metrics: Metrics) -> Run:
    """Of any folder, whatever is in it: what cannot be read is a failed run with the reason."""
    training = is_training(row, folder)
    try:
        request, status = folder.request(), folder.status()
    except UserError as error:  # damaged, or only just being laid out
        request = Request(row.objective, "", name=row.name)
        status = {"state": "" if training else FAILED, "reason": str(error)}
    unknown = _unknown_objective(request)
    state = status.get("state")
    if state not in OVER:
        state = RUNNING if training else FAILED if unknown else INTERRUPTED
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
        stage=str(status.get("stage", "starting")) if state == RUNNING else "",
        reason=" ".join(filter(None, (str(status.get("reason", "")), unknown))) if state != RUNNING else "",
        step=int(metrics[-1]["step"]) if metrics else 0,
        steps=steps if isinstance(steps, int) else 0,
    )


def is_training(row: Row, folder: RunFolder) -> bool:
    """Whether a process works on it: the one that was started here, or one that the shell started."""
    with suppress(UserError):
        if folder.status().get("state") in OVER:
            return False
    return any(process is not None and process.alive for process in (row.process, folder.process()))


def _unknown_objective(request: Request) -> str:
    """Why nothing more can be done with a run, in a sentence; "" where its objective is there."""
    if find_objective(request.objective):
        return ""
    return (
        f"This lab has no objective called {request.objective[:80]!r} (any more). Put its file back to resume or clone the "
        f"run; a model that it made can still be used, or delete the run."
    )
