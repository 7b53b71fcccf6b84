# SPDX-License-Identifier: Apache-2.0

"""VLM Lab: build the page and serve it. `python app.py --help` explains the flags."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported: no request leaves the page

import gradio as gr

from core import images
from core.assets import ASSETS
from core.data.bundled import bundled
from core.data.store import Store
from core.engine import Engine
from core.errors import UserError
from core.models.family import EMBEDDED
from core.models.inference import Models
from core.settings import ADMIN_VARIABLE, Settings
from core.training import all_objectives
from core.training.supervisor.runs import Runs
from core.version import VERSION
from tabs import all_tabs
from tabs._lab import Lab
from tabs._texts import texts
from tabs._widgets import history, skipped_folders
from tabs.admin import page as _admin
from web.admin_sessions import AdminSessions
from web.middleware import UPLOAD_BYTES, middleware
from web.page import Page
from web.temporary import TemporaryRoot
from web.theme import theme


def open_lab(settings: Settings) -> Lab:
    """What the tabs share. Models are looked up here and loaded when they are first used."""
    images.limit_decoding(settings.pixels_mb * 2**20)
    store = Store(settings.galleries, Path(settings.pictures)) if settings.galleries else None
    sessions = (
        AdminSessions(settings.admin_password, settings.on_loopback, settings.port) if settings.admin_on else None
    )
    if settings.runs or settings.models:
        all_objectives()  # an objective's file may register the family that loads what it trained
    models = Models(Engine(settings), settings.models, settings.runs, settings.figures)
    runs = Runs(settings.runs, settings.models, settings.device) if settings.runs and sessions else None
    return Lab(settings, models, bundled(), store, sessions, runs)


def build(lab: Lab) -> gr.Blocks:
    """The whole page."""
    with Page(title="VLM Lab", analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        gr.Markdown(texts("common").about, elem_classes="title")
        with gr.Tabs(overflow_behavior="wrap", elem_classes="lab-tabs"):
            for tab in all_tabs():
                with gr.Tab(tab.title, id=tab.id, elem_id=f"tab-{tab.id}"):
                    tab.build(lab)
        gr.HTML(history())
        gr.Markdown(f"VLM Lab {VERSION}. {lab.models.engine.device.why}", elem_classes="footnote")
        skipped_folders(lab)
    page.queue(max_size=64, api_open=False, default_concurrency_limit=8)  # of each event that runs no model
    return page


def launch_options(lab: Lab) -> dict[str, Any]:
    """What `launch` is given, in one place so that tests serve the very same app.

    The admin page stands behind a gate of its own in front of the lab's page, so that `launch` serves both.
    """
    options = {
        "server_name": lab.settings.host,
        "server_port": lab.settings.port,
        "theme": theme(),
        "css_paths": ASSETS / "style.css",
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "allowed_paths": [str(ASSETS)],  # open to all anyway; the working directory may be another
        "max_file_size": UPLOAD_BYTES,
        "footer_links": ["api", "settings"],
    }
    os.environ["FORWARDED_ALLOW_IPS"] = lab.settings.trust_proxy  # uvicorn reads it, and else trusts this machine
    main = {
        "head": f"<script>{(ASSETS / 'page.js').read_text()}</script>",
        "favicon_path": ASSETS / "favicon.svg",
        "mcp_server": lab.settings.mcp,
        "_frontend": False,  # else Gradio gives up where its own page does not answer within 3 s, as on a busy machine
    }
    if not lab.admin_sessions:
        return {**options, **main, "app_kwargs": {"middleware": middleware(lab.settings)}}
    admin = _admin.site(lab, options)
    served = {"middleware": middleware(lab.settings, lab.admin_sessions, admin)}
    return {**options, **main, "app_kwargs": {**served, "lifespan": admin.router.lifespan_context}}


def admin_line(lab: Lab, address: str) -> str:
    """How to reach the admin page of the lab at `address`, or why there is none."""
    if lab.admin_sessions is None:
        return lab.settings.why_no_admin
    if lab.admin_sessions.link_token:
        return f"Admin: {address}admin/?token={lab.admin_sessions.link_token}"
    return f"Admin: {address}admin/ (the password is in {ADMIN_VARIABLE})"


def main() -> None:
    settings = Settings.from_args()
    os.environ.pop(ADMIN_VARIABLE, None)  # no process that is started from here inherits it
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl+C
    temporary = TemporaryRoot()
    try:
        with suppress(KeyboardInterrupt):
            serve(settings)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        temporary.remove()
    os._exit(0)  # jobs on the device stop where they are: torch aborts when Python unwinds its threads


def serve(settings: Settings) -> None:
    """Until Ctrl+C."""
    try:
        lab = open_lab(settings)
    except UserError as error:
        raise SystemExit(str(error)) from None
    page = build(lab)
    try:
        _, address, _ = page.launch(**launch_options(lab), quiet=True, prevent_thread_lock=True)
    except OSError:
        where = f"Port {settings.port} of {settings.host}"
        raise SystemExit(f"{where} cannot be used: choose another with --port.") from None
    print(f"VLM Lab is at {address} (Ctrl+C stops it)\n{admin_line(lab, address)}", flush=True)
    if settings.profile == EMBEDDED:
        threading.Thread(target=lab.models.warm_up, args=(EMBEDDED,), daemon=True).start()
    page.block_thread()


if __name__ == "__main__":
    main()
