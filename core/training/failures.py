# SPDX-License-Identifier: Apache-2.0

"""Why a run failed, for a person: said by the run itself where it can, else found out by whoever watches it, from how its process
ended and from the end of its log."""

from __future__ import annotations

import signal

from core.errors import UserError
from core.training.run_folder import FAILED, INTERRUPTED

# A full disk shows as an OSError, or inside the message of what the libraries for weights raise.
DISK_FULL_WORDS = ("No space left", "StorageFull", "PytorchStreamWriter", "inline_container", "File too large")
DISK_FULL = "Writing failed: the disk is full, or gone. What was kept before stays: make room and resume."
KILLED = "Its process was killed, as the system does when memory runs out. Resume it, or duplicate and edit it with a smaller batch."
DISK_FULL_STATUS = 74  # the exit status of a process that could not write, so that its folder cannot say so (EX_IOERR)
STARTED = "--- started"  # the first word of the line that is put into the log before each start
STOPPED_ON_PURPOSE = (0, -signal.SIGINT, -signal.SIGTERM)  # exit statuses


def reason(error: Exception) -> str:
    """For the folder of the run that raised it."""
    if isinstance(error, UserError):
        return str(error)
    if is_disk_full(error):
        return DISK_FULL
    return f"{type(error).__name__}: see the log."


def is_disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) or any(words in str(error) for words in DISK_FULL_WORDS)


def outcome_from_outside(exit_status: int | None, log_end: str) -> tuple[str, str]:
    """(state, reason) of a run whose process ended and left no word in its folder: interrupted, with "" for a reason, where
    nothing speaks of a failure. `exit_status` is None of a process that another app started."""
    log_end = log_end.rpartition(STARTED)[2]  # what an earlier start printed says nothing of this one
    if exit_status == DISK_FULL_STATUS or any(words in log_end for words in DISK_FULL_WORDS):
        return FAILED, DISK_FULL
    if exit_status == -signal.SIGKILL:
        return INTERRUPTED, KILLED
    traceback = "Traceback (most recent call last)" in log_end
    if traceback or (exit_status is not None and exit_status not in STOPPED_ON_PURPOSE):
        return FAILED, f"Its process ended with {_last_line(log_end) or f'status {exit_status}'}: see the log."
    return INTERRUPTED, ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
