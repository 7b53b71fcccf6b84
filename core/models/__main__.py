# SPDX-License-Identifier: Apache-2.0

"""`python -m core.models` lists the checkpoints on offer; `python -m core.models pin` pins their commits."""

from __future__ import annotations

import argparse
import json
import sys

from core.engine import Engine
from core.errors import UserError
from core.models import hub
from core.models.catalog import REVISIONS
from core.models.family import FAMILIES
from core.models.inference import Models
from core.settings import Settings


def main() -> int:
    """The exit status of what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m core.models", description="The checkpoints the lab offers.")
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "pin"),
        default="list",
        help="list: a table of them. pin: ask the hub which commit of each to load from now on",
    )
    action = parser.parse_args().action
    models = Models(Engine(Settings()))
    return show(models) if action == "list" else pin(models)


def show(models: Models) -> int:
    """Print the table."""
    rows = [("model", "family", "MB", "licence", "on this machine")]
    for spec in models.catalog.specs():
        here = "yes" if models.catalog.path(spec.id) else "no"
        rows.append((spec.id, spec.family, f"{spec.megabytes:,}", spec.licence, here))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def pin(models: Models) -> int:
    """Write revisions.json: {id: commit} of every checkpoint whose weights the lab may load. 1 if the hub is out of reach."""
    commits = {}
    for spec in models.catalog.specs():
        if FAMILIES.get(spec.family).path:  # its weights do not come from the hub
            continue
        try:
            commits[spec.id] = hub.safetensors_revision(spec.id)
        except hub.NoWeights as error:
            print(f"left out: {error}")
        except UserError as error:
            print(f"Nothing was pinned. {error}", file=sys.stderr)
            return 1
    REVISIONS.write_text(json.dumps(commits, indent=2, sort_keys=True) + "\n")
    print(f"{len(commits)} commits are pinned in {REVISIONS.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
