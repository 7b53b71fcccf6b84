# SPDX-License-Identifier: Apache-2.0

"""What a training run measured of its own model, read from its folder (see core/training/run_folder.py)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.measured import Measured
from core.models.family import Spec
from core.models.folders import TRAINED_HERE
from core.trust import Known

METRICS = {  # by part, or by figure where the part has several: the run's metric
    "vqa": "accuracy",
    "choice": "accuracy",
    "match": "match accuracy",
    "t2i.R@1": "R@1",
    "i2t.R@1": "R@1 pictures to words",
    "segmentation.mIoU": "mean IoU",
    "caption": "words in common",
}
AT_MOST = {"words in common": 100}  # held-out examples that its objective measures it on
NORMAL = 1.96  # standard deviations of a 95 % interval
Row = dict[str, Any]


def run_of(spec: Spec) -> Path | None:
    """The folder of the run that trained it, or None."""
    return spec.path.parent if spec.path and spec.note == TRAINED_HERE else None


def run_figures(run: Path, figure: str) -> Known | None:
    """The run's metric for "part.name" on its held-out examples after training, with the same before; None where it has
    none, or its folder cannot be read."""
    metric = METRICS.get(figure) or METRICS.get(figure.partition(".")[0])
    with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
        reports = [row for row in _rows(run / "metrics.jsonl") if metric in row and "eval_loss" in row]
        if metric is None or not reports:
            return None
        held_out = _held_out(run)[: AT_MOST.get(metric)]
        last = max(reports, key=lambda row: row["step"])
        date = datetime.fromtimestamp((run / "metrics.jsonl").stat().st_mtime, timezone.utc).date().isoformat()
        measured = _measured(last[metric], held_out, _prior(metric, held_out))
        data = f"the {len(held_out)} examples held out of its training"
        first = min(reports, key=lambda row: row["step"])
        return Known(f"run.{metric}", measured, data, date, first[metric] if first is not last else None)
    return None


def run_data(run: Path) -> str:
    """Where its examples came from, as core/training/data/loading.py names it; "" where its folder does not say."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((run / "request.json").read_text(encoding="utf-8"))["data"])
    return ""


def trained_pictures(run: Path) -> set[bytes]:
    """The contents of the files of all pictures that the run trained on. Raises UserError where its folder does not say which
    those are."""
    try:
        rows, held_out = _rows(run / "data.jsonl"), {row["image"] for row in _held_out(run)}
        return {(run / row["image"]).read_bytes() for row in rows if row["image"] not in held_out}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise UserError(
            "Which pictures this model was trained on cannot be read from its run, so it cannot be measured on others."
        ) from None


def _held_out(run: Path) -> list[Row]:
    rows = _rows(run / "data.jsonl")
    return [rows[place] for place in json.loads((run / "split.json").read_text(encoding="utf-8"))["held_out"]]


def _measured(value: float, rows: Sequence[Row], prior: float | None) -> Measured:
    """With Wilson's interval, as of a share of the held-out pictures. The run kept the mean alone; but no mean of values in
    0..1 varies more than a share does, and examples of one picture count as one, so that the interval is rather too wide."""
    n = len({row["image"] for row in rows})
    share = 1 + NORMAL**2 / n
    middle = (value + NORMAL**2 / (2 * n)) / share
    half = NORMAL * math.sqrt(value * (1 - value) / n + NORMAL**2 / (4 * n**2)) / share
    return Measured(value, len(rows), max(0.0, middle - half), min(1.0, middle + half), prior)


def _prior(metric: str, rows: Sequence[Row]) -> float | None:
    """What the best guess without a picture gets: the commonest answer, either of two, or a picture by chance."""
    if metric == "accuracy":
        answers = Counter(str(row.get("answer") or row.get("label")).strip().lower() for row in rows)
        return max(answers.values()) / len(rows)
    if metric == "match accuracy":
        return 0.5
    if metric.startswith("R@1"):
        return 1 / len({row["image"] for row in rows})
    return None


def _rows(path: Path) -> list[Row]:
    """Lines that hold no object, as one that was cut off, are left out."""
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):
            row = json.loads(line)
            rows += [row] if isinstance(row, dict) else []
    return rows
