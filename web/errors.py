# SPDX-License-Identifier: Apache-2.0

"""What a handler raises, translated into what a visitor may read."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Generator
from typing import Any

import gradio as gr

from core.errors import UserError

log = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong here. It was written to the log; nothing you did is lost."


def translate_errors(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, showing a UserError's message as text; anything else is logged, and nothing of it is shown.

    Its name, signature and docstring stay, which Gradio's API and MCP describe it by. Generators stay generators.
    """

    def translate(error: Exception) -> gr.Error:
        if isinstance(error, UserError):
            return gr.Error(html.escape(str(error)), print_exception=False)
        log.error("%s failed", handler.__name__, exc_info=error)
        return gr.Error(UNEXPECTED, print_exception=False)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
            try:
                yield from handler(*args, **kwargs)
            except gr.Error:
                raise
            except Exception as error:
                raise translate(error) from None

        return stream

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise translate(error) from None

    return run
