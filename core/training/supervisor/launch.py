# SPDX-License-Identifier: Apache-2.0

"""Starts the process that trains a run: apart from the app, so that neither a closed page nor the app's end ends it; and so that
visitors whom the app serves meanwhile hardly notice."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from core.training.failures import STARTED
from core.training.run_folder import RunFolder
from core.training.supervisor.private import without_secrets
from core.training.supervisor.process import Process

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[3]
NICENESS = 5  # of 19: beside a busy server a run gets about a quarter of a core for certain, and all that is idle
# Threads that wait for each other at the end of each operation spin by default, which beside a busy server keeps the core from the
# very thread that they wait for. They sleep instead: of OpenMP in general, of Intel's and LLVM's, of GNU's.
PASSIVE_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Launcher:
    """`models` is a folder of local checkpoints to start from, `device` where to train."""

    def __init__(self, models: Path | None = None, device: str = "auto") -> None:
        self.models, self.device = models, device

    def command(self, folder: RunFolder) -> list[str]:
        models = ["--models", str(self.models.absolute())] if self.models else []
        threads = ["--threads", str(spare_threads())]
        return [sys.executable, "-m", "core.training", str(folder.path), "--device", self.device, *threads, *models]

    def start(self, folder: RunFolder, on_exit: Callable[[int], None] = lambda status: None) -> Process:
        """The new process, which prints to the folder's log; `on_exit` is told its exit status. Raises OSError when it cannot
        be started."""
        with folder.log.open("ab") as output:
            output.write(f"{STARTED} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
            output.flush()
            process = subprocess.Popen(
                self.command(folder),
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C in the app's terminal is not for it
            )
        lower_priority(process.pid)
        # Somebody must wait for it, or it would stay in the system's list when it ends.
        threading.Thread(target=lambda: on_exit(process.wait()), daemon=True).start()
        return Process.of(process.pid)


def spare_threads() -> int:
    """One fewer than there are cores for this process, and at least one: the last is left to the visitors."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Without secrets, and with what keeps a run out of the server's way. Fewer threads asked for stay fewer."""
    threads = spare_threads()
    wanted = {name: str(min(threads, int(env[name]))) for name in THREADS if env.get(name, "").isdecimal()}
    unbuffered = {"PYTHONUNBUFFERED": "1"}
    return {**without_secrets(env), **unbuffered, **PASSIVE_WAITING, **dict.fromkeys(THREADS, str(threads)), **wanted}


def lower_priority(pid: int) -> None:
    """Before it has threads of its own, which inherit it."""
    with suppress(psutil.NoSuchProcess):
        try:
            process = psutil.Process(pid)
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else max(process.nice(), NICENESS))
        except (psutil.AccessDenied, OSError) as error:
            log.warning("the priority of a run could not be lowered: %r", error)
