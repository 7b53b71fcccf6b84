# SPDX-License-Identifier: Apache-2.0

"""What programs get of an endpoint, by the names that its tab gives the outputs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from tabs.ask import handlers as ask
from tabs.caption import asif_handlers, compare_handlers, magic_handlers
from tabs.classify import handlers as classify
from tabs.search import searching
from tabs.search.recall import Outputs as Recall
from tabs.segment import handlers as segment

OUTPUTS = {
    "classify": classify.PUBLIC,
    "classify_many": classify.PUBLIC,
    "answer": ask.PUBLIC,
    "segment": segment.PUBLIC,
    "segment_like": segment.PUBLIC,
    "search": searching.PUBLIC,
    "find_captions": searching.PUBLIC,
    "rerank": searching.PUBLIC,
    "recall": Recall._fields,
    "caption_asif": asif_handlers.PUBLIC,
    "caption_magic": magic_handlers.PUBLIC,
    "caption_compare": compare_handlers.PUBLIC,
}


def named(endpoint: str, values: Any) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(OUTPUTS[endpoint], values, strict=True)))


def predict(client: Any, endpoint: str, *arguments: Any, **changes: Any) -> SimpleNamespace:
    """The endpoint's answer through gradio_client."""
    return named(endpoint, client.predict(*arguments, **changes, api_name=f"/{endpoint}"))


def from_stream(endpoint: str, text: str) -> SimpleNamespace:
    """The same of the last event of a stream."""
    return named(endpoint, json.loads(text.rpartition("data: ")[2]))
