# SPDX-License-Identifier: Apache-2.0

"""The outputs of a tab's events. Each kind is one NamedTuple, whose fields are first the components and then, in what a
handler gives, their values: so their order is written down once."""

from __future__ import annotations

from typing import Any, TypeVar

import gradio as gr

T = TypeVar("T", bound=tuple[Any, ...])


def only(kind: type[T], **values: Any) -> T:
    """An update of these fields; the others stay as they are."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return kind(**{**dict.fromkeys(fields, gr.skip()), **values})


def part(kind: type[T], whole: Any) -> T:
    """Those of the components that another kind of outputs consists of."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return kind(**{name: getattr(whole, name) for name in fields})
