"""Starts the process that trains a run: apart from the app, so that neither a closed page nor the app's end ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from core.training.run_folder import RunFolder
from core.training.supervisor.private import without_secrets
from core.training.supervisor.process import Process

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Launcher:
    """`models` is a folder of local checkpoints to start from, `device` where to train."""

    models: Path | None = None
    device: str = "auto"

    def command(self, folder: RunFolder) -> list[str]:
        models = ["--models", str(self.models.absolute())] if self.models else []
        return [sys.executable, "-m", "core.training", str(folder.path), "--device", self.device, *models]

    def start(self, folder: RunFolder) -> Process:
        """The new process, which prints to the folder's log. Raises OSError when it cannot be started."""
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(folder),
                cwd=ROOT,
                env={**without_secrets(), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C in the app's terminal is not for it
            )
        threading.Thread(target=process.wait, daemon=True).start()  # or it would stay in the system's list when it ends
        return Process.of(process.pid)
