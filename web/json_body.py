# SPDX-License-Identifier: Apache-2.0

"""Bodies of JSON, read strictly and within bounds."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.exceptions import HTTPException

MAX_VALUES = 50_000  # numbers, texts, lists and objects of a body together; 2,000 files of a gallery have 20,000
MAX_DEPTH = 32  # lists within lists: the page sends 7


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that a body holds. orjson takes UTF-8 and finite numbers only, and no lone surrogates.

    Raises HTTPException: 400 where the body is anything else, 413 where it has too many values or levels.
    """
    # Each value but the first follows one of these. Counted before anything is made of them, commas in texts included.
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise HTTPException(413, f"Too many values: at most {MAX_VALUES:,} can be sent at once.")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise HTTPException(
            400, "The body must be well-formed JSON: UTF-8, finite numbers, no half characters."
        ) from None
    if not isinstance(parsed, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    level: list[Any] = [parsed]
    for _ in range(MAX_DEPTH + 1):
        level = [child for one in level for child in _children(one)]
        if not level:
            return parsed
    raise HTTPException(413, f"Too deep: lists and objects may be nested {MAX_DEPTH} times.")


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
