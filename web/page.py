# SPDX-License-Identifier: Apache-2.0

"""The page, as far as it receives data: files come as uploads only, its queue is kept running, its memory bounded."""

from __future__ import annotations

import html
import logging
from typing import Any
from urllib.parse import unquote

import gradio as gr

from web.inputs import Unreadable
from web.queue import supervise
from web.visitor_states import keep_small

log = logging.getLogger(__name__)
OWN_FILES = "/gradio_api/file="
UNREADABLE = "One of the values sent has a wrong type, or names a file that was not uploaded."


class Page(gr.Blocks):
    """Blocks that take files as uploads only, whose visits last as long as they are used, whose queue is kept running and
    whose sessions take little memory."""

    def queue(self, *args: Any, **kwargs: Any) -> Page:
        super().queue(*args, **kwargs)
        supervise(self)
        return self

    def run_startup_events(self) -> None:
        keep_small(self.state_holder)
        super().run_startup_events()

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, *args: Any, **kwargs: Any
    ) -> list[Any]:
        _uploads_only(inputs)
        _renew(block_fn, state)
        try:
            values: list[Any] = await super().preprocess_data(block_fn, inputs, state, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:  # of a component that was sent what it cannot be; Gradio would say {"error": null}
            log.info("%s was sent what it cannot read: %r", block_fn.name, error)
            raise gr.Error(UNREADABLE, print_exception=False) from None
        wrong = next((value for value in values if isinstance(value, Unreadable)), None)
        if wrong is not None and not getattr(block_fn.fn, "says_what_is_unreadable", False):
            raise gr.Error(html.escape(wrong.why), print_exception=False)
        return values


def _uploads_only(inputs: list[Any]) -> None:
    """Have Gradio check the path of every file; raise gr.Error for a link.

    It checks only where the JSON carries a "meta" mark, which gr.Image does not ask for, so that a picture anywhere on
    this disk could be named; and it downloads a path that is a link.
    """
    values = list(inputs)
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values.extend(value.values())
            if "path" in value:
                value["path"] = _own_file(value["path"])
                if str(value["path"]).lower().startswith(("http:", "https:")):
                    raise gr.Error("Upload the file itself: links are not followed.", print_exception=False)
                value["meta"] = {"_type": "gradio.FileData"}
        elif isinstance(value, list):
            values.extend(value)


def _own_file(path: Any) -> Any:
    """The path of a file of the lab's own that is given by its address, as tools of the Model Context Protocol give it; Gradio
    checks it as any other. Nothing is fetched."""
    before, mark, name = str(path).partition(OWN_FILES)
    return unquote(name) if mark and before.lower().startswith(("http:", "https:")) else path


def _renew(block_fn: Any, state: Any) -> None:
    """Let the life of every gr.State that an event reads begin anew: Gradio counts it from when it was last written."""
    for block in block_fn.inputs if state is not None else ():
        if isinstance(block, gr.State) and block._id in state:
            state[block._id] = state[block._id]
