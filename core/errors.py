# SPDX-License-Identifier: Apache-2.0

"""The one exception whose text a visitor reads."""

from __future__ import annotations

import threading


class UserError(Exception):
    """Something the user can mend. The message says what happened and what to do; it holds no path
    of the machine, no secret and no traceback."""


class Stopped(UserError):
    """The visitor cancelled; what was finished until then is kept."""

    def __init__(self) -> None:
        super().__init__("Stopped.")


def check_stop(stop: threading.Event | None) -> None:
    """Raises Stopped once `stop` is set. Long work calls it between its steps."""
    if stop is not None and stop.is_set():
        raise Stopped
