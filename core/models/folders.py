# SPDX-License-Identifier: Apache-2.0

"""Checkpoints in folders of this machine: a person's own, and those that training runs made."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.models.family import Spec

if TYPE_CHECKING:
    from core.models.family import Family

HAVE_A_MODEL = ("finished", "cancelled")  # the states of a run that kept what it trained
TAIL = 8  # characters of a run's id that tell two runs of one name apart


def local_specs(folder: Path, families: Mapping[str, Family]) -> list[Spec]:
    """A spec for each sub-folder whose config.json names one of the architectures, by which `families` are keyed."""
    found = (_spec(config, config.parent.name, "your own", families) for config in sorted(folder.glob("*/config.json")))
    return [spec for spec in found if spec]


def runs_state(runs: Path) -> tuple[tuple[str, int], ...]:
    """Changes whenever a run comes, goes, ends or begins again. Cheap."""
    return tuple(sorted((path.parent.name, path.stat().st_mtime_ns) for path in _existing(runs.glob("*/status.json"))))


def run_specs(runs: Path, families: Mapping[str, Family], taken: Collection[str]) -> dict[str, Spec]:
    """By name, the oldest first: the models of runs that ended well. A run is called by its name; where that is `taken`, by a
    published checkpoint or an older run, the end of its id is added."""
    found: dict[str, Spec] = {}
    for status in sorted(runs.glob("*/status.json")):
        run = status.parent
        if run.name.startswith(".") or _read(status).get("state") not in HAVE_A_MODEL:
            continue
        name = str(_read(run / "request.json").get("name") or run.name)
        name = f"{name} ({run.name[-TAIL:]})" if name in taken or name in found else name
        spec = _spec(run / "model" / "config.json", name, "trained here", families)
        if spec:
            found[name] = replace(spec, note="trained here")
    return found


def _spec(config: Path, name: str, licence: str, families: Mapping[str, Family]) -> Spec | None:
    architectures = _read(config).get("architectures")
    names = architectures if isinstance(architectures, list) else []
    family = next((families[name] for name in names if isinstance(name, str) and name in families), None)
    if family is None:
        return None
    size = sum(file.stat().st_size for file in _existing(config.parent.iterdir()) if file.is_file()) // 10**6
    return Spec(name, licence, size, "a local checkpoint", family=family.name, path=config.parent)


def _existing(paths: Iterator[Path]) -> list[Path]:
    """Runs may be deleted while they are listed."""
    return [path for path in paths if path.exists()]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
