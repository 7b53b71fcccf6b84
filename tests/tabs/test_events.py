# SPDX-License-Identifier: Apache-2.0

"""How handlers are bound: errors stay in the page's panel, and are raised for programs."""

import contextlib
import inspect
import logging
from types import SimpleNamespace
from typing import Any, NamedTuple

import gradio as gr
import pytest

from core.errors import UserError
from tabs._events import endpoint, in_panel, only_for
from tabs._outputs import only
from web.errors import UNEXPECTED


class Outputs(NamedTuple):
    shown: Any
    answer: Any
    error: Any


LAB = SimpleNamespace()


def answer(lab, text, progress=gr.Progress()):  # noqa: B008
    """Say it again, letter by letter, and in the end as a whole."""
    if text == "no":
        raise UserError("No <b>such</b> thing.")
    yield only(Outputs, shown="…")
    if text == "break":
        raise RuntimeError("secret/path")
    yield only(Outputs, shown=text, answer=text)


def changed(given):
    return {name: value for name, value in given._asdict().items() if value != gr.skip()}


def test_what_is_wrong_lands_in_the_panel_as_text_and_all_else_stays():
    (given,) = in_panel(answer, Outputs)(LAB, "no")
    assert set(changed(given)) == {"error"}
    assert "No &lt;b&gt;such&lt;/b&gt; thing." in given.error


def test_what_nobody_foresaw_is_logged_and_worded(caplog):
    with caplog.at_level(logging.ERROR):
        *_, given = in_panel(answer, Outputs)(LAB, "break")
    assert set(changed(given)) == {"error"}
    assert UNEXPECTED in given.error
    assert "secret" not in given.error
    assert "answer failed" in caplog.text
    assert "secret/path" in caplog.text


def test_the_next_answer_clears_it():
    steps = list(in_panel(answer, Outputs)(LAB, "yes"))
    assert [changed(step) for step in steps] == [{"shown": "…"}, {"shown": "yes", "answer": "yes"}, {"error": ""}]


def test_what_gradio_is_told_is_told_on():
    def refused(lab):
        raise gr.Error("Too large.", print_exception=False)
        yield

    with pytest.raises(gr.Error, match="Too large"):
        list(in_panel(refused, Outputs)(LAB))


@pytest.fixture
def closing():
    """A handler, and what has been closed of it."""
    closed = []

    def handler(lab, text):
        try:
            yield only(Outputs, shown=text)
            yield only(Outputs, shown="never")
        finally:
            closed.append(text)

    return handler, closed


def test_closing_it_closes_the_handler_at_once(closing):
    """Which is how a visitor's Stop ends a job."""
    handler, closed = closing
    for wrapped, arguments in (
        (in_panel(handler, Outputs), (LAB, "x")),
        (only_for("asif", in_panel(handler, Outputs), Outputs), (LAB, "asif", "x")),
        (bound(handler), ("x",)),
    ):
        steps = wrapped(*arguments)
        next(steps)
        assert closed == []
        steps.close()
        assert closed.pop() == "x"


def bound(handler, public=("answer",)):
    """As /say has it."""
    with gr.Blocks(analytics_enabled=False) as page:
        outputs = Outputs(gr.HTML(), gr.JSON(label="answer"), gr.HTML())
        endpoint(LAB, handler, [gr.Textbox()], outputs, public, "say", concurrency_limit=3)
    (event,) = page.fns.values()
    assert (event.api_name, event.concurrency_limit, event.api_visibility) == ("say", 3, "public")
    assert len(event.outputs) == len(public)
    return event.fn


def test_a_program_gets_the_public_outputs_alone():
    given = list(bound(answer, ("answer", "shown"))("yes"))
    assert given == [(None, "…"), ("yes", "yes")]


def test_a_program_is_told_how_things_stand_where_the_page_keeps_what_it_shows():
    """What it reads in the end must not be Gradio's mark of a value that stays."""

    def steps(lab, text):
        yield only(Outputs, answer=text)
        yield only(Outputs, shown="done")

    assert list(bound(steps, ("answer", "shown", "error"))("x")) == [("x", None, None), ("x", "done", None)]


def test_a_program_gets_what_went_wrong_raised(caplog):
    with pytest.raises(gr.Error, match="No &lt;b&gt;such&lt;/b&gt; thing"):
        list(bound(answer)("no"))
    with pytest.raises(gr.Error, match="Something went wrong") as raised, caplog.at_level(logging.ERROR):
        list(bound(answer)("break"))
    assert "secret" not in str(raised.value)
    assert "secret/path" in caplog.text


def test_an_endpoint_is_described_as_its_handler():
    run = bound(answer)
    assert (run.__name__, run.__doc__) == ("answer", answer.__doc__)
    assert list(inspect.signature(run).parameters) == ["text", "progress"]


def test_an_event_of_the_page_keeps_the_progress_bar_and_no_endpoints_name():
    run = in_panel(answer, Outputs)
    assert run.__name__ == "page_answer"
    assert isinstance(inspect.signature(run).parameters["progress"].default, gr.Progress)


def test_only_the_chosen_method_runs():
    run = only_for("asif", in_panel(answer, Outputs), Outputs)
    assert [changed(step) for step in run(LAB, "magic", "no")] == [{}]
    with contextlib.closing(run(LAB, "asif", "yes")) as steps:
        assert changed(next(steps)) == {"shown": "…"}
