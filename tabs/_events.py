# SPDX-License-Identifier: Apache-2.0

"""How handlers are bound: for the page, whose errors stay in the answer's panel, and for programs, which get them raised."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import gradio as gr

from core.errors import UserError
from tabs._lab import Lab, bind
from tabs._outputs import only
from tabs._shown import error, program
from web.errors import UNEXPECTED
from web.inputs import Unreadable

log = logging.getLogger(__name__)
T = TypeVar("T", bound=tuple[Any, ...])
Handler = Callable[..., Iterator[T]]


def in_panel(handler: Handler[T], kind: type[T]) -> Handler[T]:
    """`handler` for the page: what it raises is written into the output `error`, all others keep their values; with an
    answer the error before it goes."""

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Iterator[T]:
        try:
            for value in args:
                if isinstance(value, Unreadable):
                    raise UserError(value.why)
            with contextlib.closing(handler(*args, **kwargs)) as steps:  # type: ignore[type-var]  # a generator
                for given in steps:
                    yield _with_program(given)
            yield only(kind, error="")
        except UserError as wrong:
            yield only(kind, error=error(str(wrong)))
        except gr.Error:
            raise
        except Exception:
            log.exception("%s failed", handler.__name__)
            yield only(kind, error=error(UNEXPECTED))

    run.says_what_is_unreadable = True  # type: ignore[attr-defined]
    run.__name__ = f"page_{handler.__name__}"  # Gradio names events after it, and no endpoint may lose its name to one
    return run


def _with_program(given: T) -> T:
    """The program as people see it, where a handler gave one."""
    code = getattr(given, "code", None)
    return given._replace(program=program(code)) if isinstance(code, str) else given  # type: ignore[attr-defined]


def endpoint(
    lab: Lab,
    handler: Handler[T],
    inputs: Sequence[Any],
    components: T,
    public: Sequence[str],
    name: str,
    **limits: Any,
) -> None:
    """The same for programs, at /name: no button of the page runs it, it gives the outputs named in `public` alone, each as
    it stands by then, and it raises what went wrong."""

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
        stands = dict.fromkeys(public)
        with contextlib.closing(handler(*args, **kwargs)) as steps:  # type: ignore[type-var]  # a generator
            for given in steps:
                now = {field: getattr(given, field) for field in public}
                stands |= {field: value for field, value in now.items() if value != gr.skip()}
                yield tuple(stands.values())

    outputs = [getattr(components, field) for field in public]
    gr.Button(visible=False).click(bind(lab, run), list(inputs), outputs, api_name=name, **limits)


def only_for(choice: str, handler: Handler[T], kind: type[T]) -> Handler[T]:
    """`handler` with one more input before its own: it runs where that is `choice`, and else changes nothing."""

    def run(lab: Lab, chosen: str, *inputs: Any) -> Iterator[T]:
        if chosen == choice:
            yield from handler(lab, *inputs)
        else:
            yield only(kind)

    return run
