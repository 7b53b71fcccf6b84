# SPDX-License-Identifier: Apache-2.0

"""An answer as HTML: bars that are text, too, the line of trust, what decided, and errors."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from core.explain.drawing import Drawing
from core.results import Change
from tabs._texts import texts
from tabs._values import rows

COMMON = texts("common")
ROWS_SHOWN, LISTED = 10, 200  # rows of a comparison, and of all numbers


def bars(rows: Sequence[tuple[str, float]], percent: bool, headline: str = "") -> str:
    """Names with values in 0..1, best first. As percentages only where they were calibrated; `headline` in the place of
    the first name."""
    if not rows:
        return ""
    listed = "".join(
        f'<li><span class="name">{html.escape(name)}</span>'
        f'<span class="bar" style="--share: {min(max(value, 0.0), 1.0):.4f}"></span>'
        f'<span class="value">{_value(value, percent)}</span></li>'
        for name, value in rows
    )
    return f'<p class="headline">{html.escape(headline or rows[0][0])}</p><ol class="bars">{listed}</ol>'


def _value(value: float, percent: bool) -> str:
    if not percent:
        return COMMON("decimal", value=value)
    if value > 0.99:
        return COMMON.nearly_all
    return COMMON("percent", value=100 * value) if value >= 0.01 else COMMON.nearly_none


def sentence(text: str) -> str:
    """An answer that is words."""
    return f'<p class="headline words">{html.escape(text)}</p>'


def trust(*said: str) -> str:
    """How far to trust an answer; nothing where nothing is said."""
    return "".join(f'<p class="trust">{html.escape(words)}</p>' for words in said if words)


def drawings(*drawn: Drawing | None, heading: str = COMMON.why) -> str:
    """Under one heading, each with its finding in words; nothing where there is none."""
    figures = "".join(
        f"<figure>{one.svg()}<figcaption>{html.escape(one.finding)}</figcaption></figure>" for one in drawn if one
    )
    title = f"<h3>{html.escape(heading)}</h3>" if heading else ""
    return f'{title}<div class="why">{figures}</div>' if figures else ""


def listed(header: Sequence[str], data: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """A table for programs and for people, by the names of the outputs."""
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(value))}</td>' for value in row)}</tr>" for row in data[:LISTED]
    )
    more = f"<p>{COMMON('more_rows', number=len(data) - LISTED)}</p>" if len(data) > LISTED else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
    shown = _folded(COMMON.table, f'<div class="numbers">{table}</div>')
    return {"table": rows(header, data), "numbers": shown}


def changes(change: Change, before: str, after: str) -> str:
    """Two columns of scores on one axis, with what changed most first, as HTML; `before` and `after` name them."""
    rows = change.rows[:ROWS_SHOWN]
    top = max((abs(value) for row in rows for value in row[1:3]), default=0.0) or 1.0
    body = "".join(
        f"<tr><th scope='row'>{html.escape(row.name)}</th>{_cell(row.before, top)}{_cell(row.after, top)}"
        f"<td class='value'>{row.difference:+.3f}</td></tr>"
        for row in rows
    )
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in ("", before, after, COMMON.difference))
    return f'<table class="change"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: float, top: float) -> str:
    return f'<td><span class="bar" style="--share: {abs(value) / top:.4f}"></span>{value:.3f}</td>'


def program(code: str) -> str:
    """A program to be read and copied."""
    shown = f'<pre class="program" tabindex="0"><code>{html.escape(code)}</code></pre>'
    return _folded(COMMON.code, shown) if code else ""


def _folded(title: str, content: str) -> str:
    return f'<details class="fold"><summary>{html.escape(title)}</summary>{content}</details>'


def error(message: str) -> str:
    """Stays until the next answer."""
    return f'<p class="error-panel" role="alert">{html.escape(message)}</p>' if message else ""
