# SPDX-License-Identifier: Apache-2.0

"""What a tab is, what it is built over, and how its handlers are bound to that."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.data.galleries import Gallery
from core.data.store import Store
from core.models.inference import Models
from core.settings import Settings
from core.training.supervisor.runs import Runs
from web.admin_sessions import AdminSessions
from web.errors import translate_errors

DOWNLOADS = 5  # visitors who wait for a model to be downloaded, at a time: each has a place among the short events


@dataclass(frozen=True)
class Lab:
    """How the app was started, the models and the galleries."""

    settings: Settings
    models: Models
    bundled: Gallery
    store: Store | None  # None where galleries may not be kept
    admin_sessions: AdminSessions | None = None  # None where there is no admin page
    runs: Runs | None = None  # None where there is no admin page, or no place for training runs
    downloads: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(DOWNLOADS))


@dataclass(frozen=True)
class Tab:
    """`build(lab)` lays the tab out inside an open gr.Tab; all its components are local to that call."""

    id: str
    title: str
    order: int
    build: Callable[[Lab], None]


def bind(lab: Lab, handler: Callable[..., Any]) -> Callable[..., Any]:
    """`handler(lab, ...)` for an event: a function of the other parameters, with its errors translated.

    It keeps the name, the docstring, the defaults and the annotations, by which Gradio describes it to API and MCP and
    finds its gr.Progress and gr.SelectData.
    """
    bound = functools.update_wrapper(functools.partial(handler, lab), handler)
    signature = inspect.signature(handler)
    bound.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return translate_errors(bound)
