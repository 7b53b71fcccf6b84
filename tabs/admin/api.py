# SPDX-License-Identifier: Apache-2.0

"""Runs for programs: the admin page's endpoints, through `gradio_client` with the session's cookie. They are named after the
functions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from core.errors import UserError
from core.models.family import EMBEDDED
from core.training import need_base
from core.training.data.loading import load
from core.training.request import Request, source_of
from tabs._lab import Lab, bind
from tabs.admin.starting import runs_of

LONGEST = 20_000  # characters of settings


def build(lab: Lab) -> None:
    for handler in (runs_start, runs_list, runs_show, runs_cancel, runs_resume):
        gr.api(bind(lab, handler), api_name=handler.__name__)  # type: ignore[attr-defined]  # Gradio exports it without saying so


def runs_start(
    lab: Lab, objective: str, data: str, config_json: str = "{}", name: str = "", model: str = EMBEDDED
) -> str:
    """Start a run: what is learned, from which data ("gallery", "gallery:NAME", "scenes", "hub:ID" or "run:ID", those of an
    earlier run), with settings as a JSON object. Gives the run's id."""
    request = Request(str(objective), str(data), _settings(config_json), str(model), str(name))
    need_base(lab.models, request.objective, request.base)
    with TemporaryDirectory(prefix="vlm-lab-data-") as folder:
        return runs_of(lab).start(request, load(source_of(request), Path(folder), lab.store, lab.runs))


def runs_list(lab: Lab) -> list[dict[str, Any]]:
    """All runs, newest first, with their state and how far they are."""
    return [asdict(run) for run in runs_of(lab).list()]


def runs_show(lab: Lab, id: str) -> dict[str, Any]:
    """Everything about a run: state, settings, metrics, predictions, environment and the end of its log."""
    return runs_of(lab).show(str(id))


def runs_cancel(lab: Lab, id: str) -> dict[str, Any]:
    """Stop a run after its present step and keep what it has."""
    runs_of(lab).cancel(str(id))
    return asdict(runs_of(lab).get(str(id)))


def runs_resume(lab: Lab, id: str) -> dict[str, Any]:
    """Go on with a run from its last good checkpoint."""
    runs_of(lab).resume(str(id))
    return asdict(runs_of(lab).get(str(id)))


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise UserError('The settings are no JSON object such as {"steps": 100}.')
    return settings
