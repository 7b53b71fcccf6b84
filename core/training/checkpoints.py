"""Which checkpoints can be gone on from. The file `complete`, written last, lists the others with their sizes and digests: a
checkpoint that was cut off while it was written, or damaged since, does not match it."""

from __future__ import annotations

import json
import shutil
from hashlib import blake2b
from pathlib import Path

COMPLETE = "complete"
BLOCK = 2**20


def seal(checkpoint: Path) -> None:
    """Call it when all its files are written."""
    part = checkpoint / f"{COMPLETE}.part"
    part.write_text(json.dumps(_facts(checkpoint), indent=1))
    part.replace(checkpoint / COMPLETE)


def intact(checkpoint: Path) -> bool:
    try:
        said = json.loads((checkpoint / COMPLETE).read_text())
        return bool(said) and said == _facts(checkpoint)
    except (OSError, ValueError):
        return False


def step_of(checkpoint: Path) -> int:
    """How many updates it has behind it."""
    return int(checkpoint.name.rpartition("-")[2])


def intact_ones(folder: Path) -> list[Path]:
    """Oldest first."""
    return [path for path in _all(folder) if intact(path)]


def sweep(folder: Path) -> None:
    """Remove those that nothing can go on from: they only take room, and stand in the way of newer ones."""
    for path in _all(folder):
        if not intact(path):
            shutil.rmtree(path, ignore_errors=True)


def _all(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    return sorted(found, key=step_of)


def _facts(checkpoint: Path) -> dict[str, list[int | str]]:
    files = sorted(path for path in checkpoint.iterdir() if path.is_file() and not path.name.startswith(COMPLETE))
    return {path.name: [path.stat().st_size, _digest(path)] for path in files}


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
