# SPDX-License-Identifier: Apache-2.0

"""What every request passes before Gradio sees it."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.types import ASGIApp

from core.settings import Settings
from web.admin_gate import AdminGate
from web.admin_sessions import AdminSessions
from web.body_limit import BodyLimit
from web.clients import HostCheck
from web.link_preview import LinkPreview
from web.requests import RequestCheck
from web.uploads import UploadGuard, UploadQuota

JSON_BYTES, UPLOAD_BYTES = 2 * 2**20, 600 * 2**20  # a zip of pictures may be large; nothing else may


def middleware(
    settings: Settings, sessions: AdminSessions | None = None, admin: ASGIApp | None = None
) -> list[Middleware]:
    """From the outermost to the innermost. `admin` is the app behind the gate, where the lab has one."""
    quota = UploadQuota(settings.upload_quota_mb * 2**20) if settings.upload_quota_mb else None
    checks = [Middleware(HostCheck, names=settings.host_names)] if settings.host_names else []
    checks.append(Middleware(BodyLimit, max_bytes=JSON_BYTES, upload_bytes=UPLOAD_BYTES))
    checks.append(Middleware(UploadGuard, quota=quota))
    if sessions and admin:
        checks.append(Middleware(AdminGate, admin=admin, sessions=sessions))
    checks.append(Middleware(RequestCheck))
    checks.append(Middleware(LinkPreview))
    return checks
