# SPDX-License-Identifier: Apache-2.0

"""What a run is asked to do, and the same with its data made ready: from the page and from the shell alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.engine import OnStep
from core.errors import UserError
from core.models.family import EMBEDDED
from core.training import OBJECTIVES, all_objectives
from core.training.data.check import check
from core.training.data.example import Example
from core.training.data.loading import Source
from core.training.data.split import Split, share_pictures, split_by_picture

NAME_LENGTH = 1_000  # characters


@dataclass(frozen=True)
class Request:
    """`data` says where the examples came from, `base` which checkpoint is trained further; `settings` are the
    objective's."""

    objective: str
    data: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: str = EMBEDDED
    name: str = ""


@dataclass(frozen=True)
class Prepared:
    """A request with every setting written out, so that it means the same when defaults change; the examples that its
    objective can read; and which of them are held out."""

    request: Request
    examples: list[Example]
    split: Split


def source_of(request: Request, file: Path | None = None, rows: int | None = None) -> Source:
    """The source of a request's data: scenes are drawn by the run's own seed, and with phrases where its objective reads those.
    `file` is the archive of a zip, `rows` how many to make or fetch. Raises UserError for settings that will not do."""
    all_objectives()
    objective = OBJECTIVES.get(request.objective)
    seed = objective.Config.read(request.settings).seed
    return Source(request.data, file, rows, seed, objective.phrases)


def prepare(request: Request, examples: Sequence[Example], on_step: OnStep | None = None) -> Prepared:
    """Raises UserError for settings, a name or data that will not do."""
    all_objectives()
    objective = OBJECTIVES.get(request.objective)
    config = objective.Config.read(request.settings)
    request = replace(request, name=clean_name(request.name or request.objective), settings=asdict(config))
    usable = share_pictures(check(examples, objective).usable, on_step)
    split = split_by_picture([example.image for example in usable], config.held_out, config.seed)
    return Prepared(request, usable, split)


def clean_name(name: str) -> str:
    """One line of printable text, "run" where there is none. Names are for people: no path is made of them. Raises UserError
    for a name that is too long."""
    name = " ".join("".join(c if c.isprintable() else " " for c in str(name)).split())
    if len(name) > NAME_LENGTH:
        raise UserError(f"Give the run a name of at most {NAME_LENGTH:,} characters.")
    return name or "run"
