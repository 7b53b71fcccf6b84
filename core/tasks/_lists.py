# SPDX-License-Identifier: Apache-2.0

"""Lists that people type: labels, prompts, questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import UserError


def at_commas(text: str) -> list[str]:
    """Parts at line ends and commas."""
    return re.split(r"[\n,]", text)


@dataclass(frozen=True)
class TypedList:
    """At most `most` entries of at most `longest` characters, and what is said of `none`, of too `many` ({count} in its place)
    and of a too `long` one. `split` divides the text."""

    most: int
    longest: int
    none: str
    many: str
    long: str
    split: Callable[[str], list[str]] = at_commas

    def parse(self, text: str) -> list[str]:
        """Trimmed, without duplicates, in the order given. Raises UserError for what is said above."""
        parts = [part.strip() for part in self.split(clean(text, self.most * self.longest))]
        entries = list(dict.fromkeys(part for part in parts if part))
        if not entries:
            raise UserError(self.none)
        if len(entries) > self.most:
            raise UserError(self.many.format(count=f"{len(entries):,}"))
        if max(map(len, entries)) > self.longest:
            raise UserError(self.long)
        return entries


def clean(text: str, limit: int) -> str:
    """As a tokenizer takes it: no NUL, no lone surrogates. Raises UserError for more than `limit` characters."""
    if len(text or "") > limit:
        raise UserError(f"That is {len(text):,} characters; at most {limit:,} are read here.")
    return (text or "").replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
