# SPDX-License-Identifier: Apache-2.0

"""Which device models run on, and how running out of its memory looks."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError


@dataclass(frozen=True)
class Device:
    """`name` and `dtype` are torch's words; `why` is a sentence for the visitor."""

    name: str
    dtype: str
    why: str


def pick_device(wanted: str) -> Device:
    """cuda, then mps, then cpu; bfloat16 or float16 on a GPU, float32 elsewhere.

    A CPU keeps float32: bfloat16 was nine times slower without AMX, and one answer on every machine is
    worth more than the speed on the few that have it. Raises UserError if `wanted` is not there.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    there = {"cuda": cuda, "mps": mps, "cpu": True}
    if wanted != "auto" and not there[wanted]:
        raise UserError(f"--device {wanted}: there is none on this machine. Leave the flag out to use what there is.")
    name = wanted if wanted != "auto" else next(kind for kind in there if there[kind])
    if name == "cuda":
        half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return Device("cuda", half, f"{torch.cuda.get_device_name()} was found; models run there in {half}.")
    if name == "mps":
        return Device("mps", "float16", "An Apple GPU was found; models run there in float16.")
    reason = "as was asked for" if wanted == "cpu" else "as no GPU was found"
    return Device("cpu", "float32", f"Running on CPU, {reason}; models run in float32.")


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA raises a class of its own; MPS and the CPU allocator a RuntimeError with words in it."""
    import torch

    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )
