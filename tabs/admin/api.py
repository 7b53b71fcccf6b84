# SPDX-License-Identifier: Apache-2.0

"""Runs for programs: the admin page's endpoints, through `gradio_client` with the session's cookie."""

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
from core.training.data import loading as sets
from core.training.request import Request, source_of
from tabs._lab import Lab
from web.errors import translate_errors

LONGEST = 20_000  # characters of settings


def build(lab: Lab) -> None:
    runs = lab.runs
    assert runs is not None

    @translate_errors
    def runs_start(objective: str, data: str, config_json: str = "{}", name: str = "", model: str = EMBEDDED) -> str:
        """Start a run: what is learned, from which data ("gallery", "gallery:NAME", "scenes", "hub:ID" or "run:ID", those of an
        earlier run), with settings as a JSON object. Gives the run's id."""
        request = Request(str(objective), str(data), _settings(config_json), str(model), str(name))
        need_base(lab.models, request.objective, request.base)
        with TemporaryDirectory(prefix="vlm-lab-data-") as folder:
            examples = sets.load(source_of(request), Path(folder), lab.store, runs)
            return runs.start(request, examples)

    @translate_errors
    def runs_list() -> list[dict[str, Any]]:
        """All runs, newest first, with their state and how far they are."""
        return [asdict(run) for run in runs.list()]

    @translate_errors
    def runs_show(id: str) -> dict[str, Any]:
        """Everything about a run: state, settings, metrics, predictions, environment and the end of its log."""
        return runs.show(str(id))

    @translate_errors
    def runs_cancel(id: str) -> dict[str, Any]:
        """Stop a run after its present update and keep what it has."""
        runs.cancel(str(id))
        return asdict(runs.get(str(id)))

    @translate_errors
    def runs_resume(id: str) -> dict[str, Any]:
        """Go on with a run from its last good checkpoint."""
        runs.resume(str(id))
        return asdict(runs.get(str(id)))

    for handler in (runs_start, runs_list, runs_show, runs_cancel, runs_resume):
        gr.api(handler, api_name=handler.__name__)


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise UserError('The settings are no JSON object such as {"steps": 100}.')
    return settings
