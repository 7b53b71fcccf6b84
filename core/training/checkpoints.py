# SPDX-License-Identifier: Apache-2.0

"""Which checkpoints a run can go on from. The file `complete`, written last, lists the others with their sizes and digests: a
checkpoint that was cut off while it was written, or damaged since, does not match it."""

from __future__ import annotations

import json
import shutil
from hashlib import blake2b
from pathlib import Path

COMPLETE = "complete"
BLOCK = 2**20  # bytes


def mark_complete(checkpoint: Path) -> None:
    """Call it when all its files are written."""
    part = checkpoint / f"{COMPLETE}.part"
    part.write_text(json.dumps(_contents(checkpoint), indent=1))
    part.replace(checkpoint / COMPLETE)


def is_complete(checkpoint: Path) -> bool:
    try:
        listed = json.loads((checkpoint / COMPLETE).read_text())
        return bool(listed) and listed == _contents(checkpoint)
    except (OSError, ValueError):
        return False


def step_of(checkpoint: Path) -> int:
    """How many updates it has behind it."""
    return int(checkpoint.name.rpartition("-")[2])


def complete_ones(run: Path) -> list[Path]:
    """Oldest first."""
    return [path for path in _all(run) if is_complete(path)]


def remove_incomplete(run: Path) -> None:
    """They only take room, and stand in the way of newer ones."""
    for path in _all(run):
        if not is_complete(path):
            shutil.rmtree(path, ignore_errors=True)


def _all(run: Path) -> list[Path]:
    found = [path for path in run.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    return sorted(found, key=step_of)


def _contents(checkpoint: Path) -> dict[str, list[int | str]]:
    """[bytes, digest] by file name."""
    files = sorted(path for path in checkpoint.iterdir() if path.is_file() and not path.name.startswith(COMPLETE))
    return {path.name: [path.stat().st_size, _digest(path)] for path in files}


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
