# SPDX-License-Identifier: Apache-2.0

"""The pictures and masks of a run, in its own folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core.errors import UserError


class PictureFiles:
    """Takes pictures into `run`/data, each once: linked where the disk is the same, which costs no room, else copied."""

    def __init__(self, run: Path) -> None:
        self.run, self.names = run, dict[str, str]()

    def __call__(self, path: str) -> str:
        """The picture's path relative to the run's folder; "" stays "". Raises UserError when it is gone."""
        if path and path not in self.names:
            suffix = Path(path).suffix.lower()
            name = f"data/{len(self.names):05d}{suffix if suffix[1:].isalnum() else ''}"
            (self.run / "data").mkdir(exist_ok=True)
            source = Path(path).resolve()  # a link itself would be linked to, not its picture
            if not source.is_file():
                raise UserError("A picture of the data is gone. Load the data again.")
            try:
                os.link(source, self.run / name)
            except OSError:
                shutil.copyfile(source, self.run / name)
            self.names[path] = name
        return self.names.get(path, "")
