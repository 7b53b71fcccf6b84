# SPDX-License-Identifier: Apache-2.0

"""What a person sees. One file a tab; nothing here imports torch or transformers."""

from __future__ import annotations

import sys

from core.registry import discover
from tabs._lab import Tab


def all_tabs() -> list[Tab]:
    """The TAB of every module here that has one and whose name does not begin with `_`, by order, then id."""
    tabs = [module.TAB for module in discover(sys.modules[__name__]) if hasattr(module, "TAB")]
    return sorted(tabs, key=lambda tab: (tab.order, tab.id))
