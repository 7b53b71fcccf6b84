# SPDX-License-Identifier: Apache-2.0

"""The article's strategies as a map: each with its drawing, and the tab that runs it."""

from __future__ import annotations

import html
import re

from core.assets import ASSETS
from tabs._texts import texts

SAID = texts("start")
STRATEGIES = ("contrastive", "prefix_lm", "frozen_prefix", "cross_attention", "mlm_itm", "no_training")
LINK = re.compile(r"\[([^]]+)\]\((https://[^)]+)\)")


def strategy_map() -> str:
    """As HTML."""
    hint = LINK.sub(r'<a href="\2" target="_blank" rel="noopener">\1</a>', html.escape(SAID.map_hint))
    cards = "".join(_card(name) for name in STRATEGIES)
    return f'<h2 id="strategies">{html.escape(SAID.map)}</h2><p>{hint}</p><ul class="strategies">{cards}</ul>'


def doors() -> str:
    """The two ways on from the first screen, as HTML."""
    ways = (("?tab=classify", SAID.own_picture), ("#strategies", SAID.path))
    links = "".join(f'<a href="{to}">{html.escape(words)}</a>' for to, words in ways)
    return f'<p class="doors">{links}</p>'


def _card(name: str) -> str:
    title, does, tab = (html.escape(getattr(SAID, name + end)) for end in ("", "_does", "_tab"))
    drawn = (
        (ASSETS / "strategies" / f"{name}.svg")
        .read_text()
        .replace('"tip"', f'"tip-{name}"')
        .replace("#tip", f"#tip-{name}")
    )
    target = texts(tab).title
    return f'<li>{drawn}<h3>{title}</h3><p>{does}</p><a href="?tab={tab}">{SAID("open", tab=target)}</a></li>'
