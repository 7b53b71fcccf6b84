"""The admin's page, served at /admin to whom the door admits (core/admin_gate.py)."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI

from core.admin_door import Door
from core.admin_gate import ADMIN_PATH, admits
from tabs._lab import Lab
from tabs.admin import api as _runs_api
from tabs.admin import runs as _runs
from web.page import Page

SIGN_OUT = '<form method="post" action="/admin/sign-out"><button class="lg secondary">Sign out</button></form>'


class AdminPage(Page):
    """Blocks whose every event has its session checked again when it runs: it may have ended since it was queued."""

    def __init__(self, door: Door, **options: Any) -> None:
        super().__init__(**options)
        self.door = door

    async def process_api(
        self, *args: Any, request: gr.Request | list[gr.Request] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        asked = request if isinstance(request, list) else [request]
        if not all(one and one.request and admits(self.door, one.request) for one in asked):
            raise gr.Error("Your session has ended: sign in again.", print_exception=False)
        return await super().process_api(*args, request=request, **kwargs)


def build(lab: Lab) -> gr.Blocks:
    """The page itself; `lab.door` must not be None."""
    with AdminPage(
        lab.door, title="VLM Lab: training runs", analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        gr.Markdown("# Training runs")
        _runs.build(lab)
        _runs_api.build(lab)
        gr.HTML(SIGN_OUT)
    page.queue(max_size=64, api_open=False)
    return page


def site(lab: Lab, options: dict[str, Any]) -> FastAPI:
    """The page mounted at /admin with what `launch` is given; its lifespan must be run by the server's."""
    door = lab.door
    return gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        build(lab),
        ADMIN_PATH,
        auth_dependency=lambda request: "admin" if admits(door, request) else None,
        **options,
    )
