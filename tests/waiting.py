# SPDX-License-Identifier: Apache-2.0

"""Waiting for another thread, without a guess of how long it takes."""

import time


def until(condition, seconds=15):
    """Return once `condition()` is true; fails after `seconds`, which a test that passes never takes."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
