# SPDX-License-Identifier: Apache-2.0

"""The admin's page, served at /admin to open sessions (web/admin_gate.py)."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from tabs._lab import Lab
from tabs._texts import texts
from tabs.admin import api, runs
from web.admin_gate import ADMIN_PATH, is_admin
from web.admin_sessions import AdminSessions
from web.page import Page
from web.requests import RequestCheck

SAID = texts("admin")
BACK = f'<p><a href="../?tab=admin">{SAID.back}</a></p>'
SIGN_OUT = f'<form method="post" action="/admin/sign-out"><button class="lg secondary">{SAID.sign_out}</button></form>'


class AdminPage(Page):
    """Blocks whose every event has its session checked again when it runs: it may have ended since it was queued."""

    def __init__(self, sessions: AdminSessions, **options: Any) -> None:
        super().__init__(**options)
        self.sessions = sessions

    async def process_api(
        self, *args: Any, request: gr.Request | list[gr.Request] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        asked = request if isinstance(request, list) else [request]
        if not all(one and one.request and is_admin(self.sessions, one.request) for one in asked):
            raise gr.Error("Your session has ended: sign in again.", print_exception=False)
        return await super().process_api(*args, request=request, **kwargs)  # type: ignore[misc]  # by its name alone


def build(lab: Lab) -> AdminPage:
    """The page itself; `lab.admin_sessions` must not be None."""
    page = AdminPage(
        sessions_of(lab), title="VLM Lab: training runs", analytics_enabled=False, delete_cache=(3600, 3600)
    )
    with page:
        gr.HTML(BACK, elem_classes="back")
        gr.Markdown(f"# {SAID.page_title}", elem_classes="title")
        runs.build(lab, page)
        api.build(lab)
        gr.HTML(SIGN_OUT)
    page.queue(max_size=64, api_open=False)
    return page


def site(lab: Lab, options: dict[str, Any]) -> FastAPI:
    """The page mounted at /admin with what `launch` is given; its lifespan must be run by the server's."""
    sessions = sessions_of(lab)
    mounted: FastAPI = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        build(lab),
        ADMIN_PATH,
        auth_dependency=lambda request: "admin" if is_admin(sessions, request) else None,
        app_kwargs={"middleware": [Middleware(RequestCheck)]},
        **options,
    )
    return mounted


def sessions_of(lab: Lab) -> AdminSessions:
    """The lab's; without them nobody could be let in, and there is no admin page."""
    assert lab.admin_sessions is not None
    return lab.admin_sessions
