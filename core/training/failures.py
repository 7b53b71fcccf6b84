"""Why a run failed, for a person: said by the run itself where it can, or found out by whoever watches it."""

from __future__ import annotations

from core.errors import UserError

# A full disk shows as an OSError, or inside the message of what the libraries for weights raise.
DISK_FULL_WORDS = ("No space left", "StorageFull", "PytorchStreamWriter", "inline_container", "File too large")
DISK_FULL = "Writing failed: the disk is full, or gone. What was kept before stays: make room and resume."


def reason(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if is_disk_full(error):
        return DISK_FULL
    return f"{type(error).__name__}: see the log."


def is_disk_full(error: Exception) -> bool:
    return isinstance(error, OSError) or any(words in str(error) for words in DISK_FULL_WORDS)
