# SPDX-License-Identifier: Apache-2.0

"""What a run that could not say why it ended is found to have died of."""

import errno
import os
import signal

import pytest

from core.errors import UserError
from core.training.failures import DISK_FULL, DISK_FULL_STATUS, KILLED, outcome_from_outside, reason
from core.training.run_folder import FAILED, INTERRUPTED

FULL_DISK_LOG = 'Traceback (most recent call last):\n  File "x"\nOSError: [Errno 28] No space left on device\n'
TRACEBACK = 'Traceback (most recent call last):\n  File "x"\nZeroDivisionError: division by zero\n'


@pytest.mark.parametrize(
    ("status", "log", "wanted"),
    [
        (None, "", (INTERRUPTED, "")),
        (None, "--- started 2026\nwarning: something\n", (INTERRUPTED, "")),
        (0, "", (INTERRUPTED, "")),
        (-signal.SIGTERM, "", (INTERRUPTED, "")),
        (-signal.SIGKILL, "", (INTERRUPTED, KILLED)),
        (DISK_FULL_STATUS, "", (FAILED, DISK_FULL)),  # the log has no room either
        (1, FULL_DISK_LOG, (FAILED, DISK_FULL)),
        (None, FULL_DISK_LOG, (FAILED, DISK_FULL)),  # another app had started it
        (None, TRACEBACK, (FAILED, "Its process ended with ZeroDivisionError: division by zero: see the log.")),
        (-signal.SIGSEGV, "", (FAILED, "Its process ended with status -11: see the log.")),
        (None, f"{FULL_DISK_LOG}--- started 2026\nall is well\n", (INTERRUPTED, "")),  # an earlier start's words
    ],
)
def test_how_it_ended(status, log, wanted):
    assert outcome_from_outside(status, log) == wanted


def test_what_a_run_says_itself():
    assert reason(UserError("Lower the learning rate.")) == "Lower the learning rate."
    assert reason(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == DISK_FULL
    assert reason(RuntimeError("I/O error: No space left on device (os error 28)")) == DISK_FULL
    assert reason(ZeroDivisionError()) == "ZeroDivisionError: see the log."
