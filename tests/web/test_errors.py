# SPDX-License-Identifier: Apache-2.0

"""What a visitor reads of an error, and what Gradio still knows of a handler."""

import inspect
import logging

import gradio as gr
import pytest

from core.errors import UserError
from web.errors import UNEXPECTED, translate_errors


def plain(kind: str, number: int = 3) -> int:
    """Says what is wrong."""
    if kind == "user":
        raise UserError("Choose <b>another</b>.")
    if kind == "gradio":
        raise gr.Error("as it is")
    return 1 // (number - number)


def stream(kind: str, number: int = 3):
    """Says it after a while."""
    yield "begun"
    plain(kind, number)


@pytest.mark.parametrize("handler", [plain, stream])
@pytest.mark.parametrize(
    ("kind", "message"),
    [("user", "Choose &lt;b&gt;another&lt;/b&gt;."), ("gradio", "as it is"), ("other", UNEXPECTED)],
)
def test_errors_are_translated(handler, kind, message, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        list(translate_errors(handler)(kind) or ())
    assert caught.value.message == message
    assert ("ZeroDivisionError" in caplog.text) == (kind == "other")


@pytest.mark.parametrize("handler", [plain, stream])
def test_a_handler_keeps_what_the_api_describes_it_by(handler):
    translated = translate_errors(handler)
    assert (translated.__name__, translated.__doc__) == (handler.__name__, handler.__doc__)
    assert inspect.signature(translated) == inspect.signature(handler)
    assert inspect.isgeneratorfunction(translated) == inspect.isgeneratorfunction(handler)
