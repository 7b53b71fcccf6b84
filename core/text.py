# SPDX-License-Identifier: Apache-2.0

"""Texts that people type, as tokenizers can read them."""

from __future__ import annotations

from core.errors import UserError

TEXT_LIMIT = 2_000  # characters; every text tower here reads less than that


def clean_text(text: str) -> str:
    """Without NUL and lone surrogates, which tokenizers reject. Raises UserError for more than TEXT_LIMIT characters."""
    if len(text) > TEXT_LIMIT:
        raise UserError(f"This text has {len(text):,} characters; at most {TEXT_LIMIT:,} are read. Shorten it.")
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
