"""What a tab is, and what it is built over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.data.galleries import Gallery
from core.data.store import Store
from core.models.inference import Models
from core.settings import Settings
from core.training.supervisor.runs import Runs
from web.admin_sessions import AdminSessions


@dataclass(frozen=True)
class Lab:
    """How the app was started, the models and the galleries."""

    settings: Settings
    models: Models
    bundled: Gallery
    store: Store | None  # None where galleries may not be kept
    admin_sessions: AdminSessions | None = None  # None where there is no admin page
    runs: Runs | None = None  # None where there is no admin page, or no place for training runs


@dataclass(frozen=True)
class Tab:
    """`build(lab)` lays the tab out inside an open gr.Tab; all its components are local to that call."""

    id: str
    title: str
    order: int
    build: Callable[[Lab], None]
