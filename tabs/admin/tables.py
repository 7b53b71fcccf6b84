# SPDX-License-Identifier: Apache-2.0

"""Tables as HTML, which on a phone fold into a card for each row, and what stands in their cells."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from core import images
from core.errors import UserError
from tabs._downloads import jpeg

SIDE = 96  # pixels of a thumbnail


def table(caption: str, header: Sequence[str], data: Sequence[Sequence[str]]) -> str:
    """Of cells that are HTML; "" where there is no row."""
    if not data:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-label="{html.escape(name)}">{cell}</td>' for name, cell in zip(header, row, strict=True))
        + "</tr>"
        for row in data
    )
    return (
        f'<table class="runs"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def link(words: str, address: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(words)}</a>'


def thumbnail(path: str, words: str) -> str:
    """A small picture that is part of the page: no address leads to it. "" where it cannot be read."""
    try:
        data = _encoded(path, Path(path).stat().st_mtime_ns)
    except (OSError, UserError):
        return ""
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(words)}">'


@lru_cache(512)
def _encoded(path: str, _written: int) -> str:
    return base64.b64encode(jpeg(images.read(path, SIDE).image)).decode()
