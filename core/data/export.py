# SPDX-License-Identifier: Apache-2.0

"""Results as files that other programs open safely."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV, whose cells a spreadsheet will not run: a text that begins like a formula gets an apostrophe before it
    (OWASP, CSV injection). Numbers stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_safe(cell) for cell in header])
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def _safe(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    return "'" + text if text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")) else text
