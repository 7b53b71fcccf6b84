# SPDX-License-Identifier: Apache-2.0

"""Measured figures in files: of the models that come with the lab, and of those that were measured where the lab runs."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from hashlib import blake2b
from pathlib import Path

from core.measured import Measured

log = logging.getLogger(__name__)
FILE = "measured.json"  # beside the weights of each model that comes with the lab
FIFTHS = 5  # of the confidences of which is said how many were right


@dataclass(frozen=True)
class Figures:
    """What was measured of `model` on `data`, in words for people, on `date` (ISO 8601); figures by "part.figure"."""

    model: str
    data: str
    date: str
    figures: Mapping[str, Measured] = field(default_factory=dict)

    def updated(self, other: Figures) -> Figures:
        """`other` in front of these figures. A part that it has is taken from it alone; on other data, or of another model,
        nothing of these is kept, since one file has one description of its data."""
        if (self.model, self.data) != (other.model, other.data):
            return other
        parts = {part(name) for name in other.figures}
        kept = {name: figure for name, figure in self.figures.items() if part(name) not in parts}
        return replace(other, figures={**kept, **other.figures})


def part(figure: str) -> str:
    """ "t2i" of "t2i.R@1"."""
    return figure.partition(".")[0]


def right_at(confidence: float) -> str:
    """The name, after its part, of the figure that says how many answers of about this confidence, 0..1, are right:
    "right at 0.6-0.8" of 0.7."""
    fifth = min(int(confidence * FIFTHS + 1e-9), FIFTHS - 1)
    return f"right at {fifth / FIFTHS:.1f}-{(fifth + 1) / FIFTHS:.1f}"


def today() -> str:
    """The date in UTC, as in files."""
    return datetime.now(timezone.utc).date().isoformat()


def read(path: Path) -> Figures | None:
    """None where there is no such file, or where it holds something else; the log says so."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = {str(name): Measured(**row) for name, row in found["figures"].items()}
        return Figures(str(found["model"]), str(found["data"]), str(found["date"]), rows)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s holds no figures that can be read: %r", path.name, error)
        return None


def write(path: Path, figures: Figures) -> None:
    """Whole or not at all. Raises OSError."""
    rows = {name: asdict(figure) for name, figure in sorted(figures.figures.items())}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    head = "".join(f" {json.dumps(key)}: {json.dumps(getattr(figures, key))},\n" for key in ("model", "data", "date"))
    mine = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        mine.write_text(f'{{\n{head} "figures": {{\n{lines}\n }}\n}}\n', encoding="utf-8")
        os.replace(mine, path)
    finally:
        mine.unlink(missing_ok=True)


class KeptFigures:
    """What was measured here: in files of `folder`, or, where that is None or cannot be written, in memory.

    An `identity` says which weights were measured; each kind of measurement of it has one entry, which a later one of that
    kind replaces. Share one for each process; every method may be called from any thread.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._memory: dict[str, Figures] = {}

    def of(self, identity: str) -> list[Figures]:
        """All that was measured of these weights."""
        stem = _stem(identity)
        files = sorted(self.folder.glob(f"{stem}-*.json")) if self.folder else []
        names = dict.fromkeys([*(file.name for file in files), *(name for name in self._memory if stem in name)])
        found = [self._memory.get(name) or (read(self.folder / name) if self.folder else None) for name in names]
        return [one for one in found if one]

    def keep(self, identity: str, kind: str, figures: Figures) -> None:
        """In the place of an earlier measurement of this kind."""
        name = f"{_stem(identity)}-{kind}.json"
        if self.folder:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                write(self.folder / name, figures)
                self._memory.pop(name, None)
                return
            log.warning("the folder of measured figures cannot be written: they are kept until the lab ends")
        self._memory[name] = figures


def _stem(identity: str) -> str:
    return blake2b(identity.encode(), digest_size=12).hexdigest()
