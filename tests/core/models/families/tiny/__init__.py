# SPDX-License-Identifier: Apache-2.0

"""Tiny random checkpoints of the published families: one file a family, found by being there.

Each has CHECKPOINTS, {id on the hub: what saves a tiny one in a folder}, and what plain transformers gives for them, by which
the lab's answers are judged: `logits(folder, images, texts)`, `answers(folder, image, question)`, `captions(folder, image)`,
as far as the family can.
"""

import sys
from collections.abc import Callable
from types import ModuleType

from core.registry import discover


def found() -> dict[str, ModuleType]:
    """The file of each id."""
    return {id: file for file in discover(sys.modules[__name__]) for id in file.CHECKPOINTS}


FILES = found()


def expected(id: str, what: str) -> Callable:
    """The function called `what` of the family's file."""
    assert id in FILES, f"write tests/core/models/families/tiny/NAME.py with a tiny {id}"
    return getattr(FILES[id], what)
