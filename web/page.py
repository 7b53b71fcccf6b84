"""The page, as far as it receives data: files come as uploads only, its queue is kept running, its memory bounded."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from web.queue import supervise
from web.visitor_states import keep_small

log = logging.getLogger(__name__)
UNREADABLE = "One of the values sent has a wrong type, or names a file that was not uploaded."


class Page(gr.Blocks):
    """Blocks that take files as uploads only, whose queue is kept running and whose sessions take little memory.

    Gradio checks the path of a file only where its JSON carries a "meta" mark, which gr.Image does not ask for, so
    that a picture anywhere on this disk could be named; and it downloads a path that is a link.
    """

    def queue(self, *args: Any, **kwargs: Any) -> Page:
        super().queue(*args, **kwargs)
        supervise(self)
        return self

    def run_startup_events(self) -> None:
        keep_small(self.state_holder)
        super().run_startup_events()

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        values = list(inputs)
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values.extend(value.values())
                if "path" in value:
                    if str(value["path"]).lower().startswith(("http:", "https:")):
                        raise gr.Error("Upload the file itself: links are not followed.", print_exception=False)
                    value["meta"] = {"_type": "gradio.FileData"}
            elif isinstance(value, list):
                values.extend(value)
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:  # of a component that was sent what it cannot be; Gradio would say {"error": null}
            log.info("%s was sent what it cannot read: %r", block_fn.name, error)
            raise gr.Error(UNREADABLE, print_exception=False) from None
