# SPDX-License-Identifier: Apache-2.0

"""One temporary folder for all that a process keeps for its visitors, gone with the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: folders that a killed process left must be removed by hand
    fcntl = None  # type: ignore[assignment]

PREFIX = "vlm-lab-process-"
LOCK = "lock"


class TemporaryRoot:
    """A new folder, readable by this user only, where this process and Gradio make temporary files from now on.

    Folders of processes that were killed are removed first. A living process holds a lock on a file in its own, which the
    operating system gives back however the process ends.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        for left in parent.glob(f"{PREFIX}*"):
            if _is_abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = (self.path / LOCK).open("w")
        if fcntl:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._before = tempfile.tempdir
        tempfile.tempdir = str(self.path)
        os.environ["GRADIO_TEMP_DIR"] = str(self.path / "gradio")  # uploads, and files to download

    def remove(self) -> None:
        """With all that is in it, even if threads still write there."""
        tempfile.tempdir = self._before
        for _ in range(3):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                break
        self._lock.close()


def _is_abandoned(folder: Path) -> bool:
    """Whether the folder is this user's own, and nobody holds its lock. One without a lock file is just being made."""
    if fcntl is None:
        return False
    with suppress(OSError):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        with (folder / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False
