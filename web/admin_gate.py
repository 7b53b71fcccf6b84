# SPDX-License-Identifier: Apache-2.0

"""The gate of /admin: whatever lies below it answers 401 to strangers, before Gradio sees the request."""

from __future__ import annotations

import html
import math
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.admin_sessions import SESSION_S, AdminSessions, TryLater
from web.clients import client_of

ADMIN_PATH = "/admin"
SIGN_IN = Path(__file__).parents[1] / "assets" / "sign_in.html"
FORM = """<form method="post" action="/admin/sign-in">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form>"""
BY_LINK = "Open the link that was printed when the lab was started. It works once: for another, start the lab again."
BY_PASSWORD = "Only its admin may start training runs."
EVERYWHERE = {"content-security-policy": "frame-ancestors 'self'", "referrer-policy": "same-origin"}
OWN_PAGE = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'self'",
    "cache-control": "no-store",
}


def is_admin(sessions: AdminSessions, request: Request) -> bool:
    """Whether the request's cookie is an open session."""
    return sessions.is_open(request.cookies.get(sessions.cookie))


class AdminGate:
    """Hands requests under /admin that carry an open session to `admin` and answers the others itself. Requests
    elsewhere go to `app`."""

    def __init__(self, app: ASGIApp, admin: ASGIApp, sessions: AdminSessions) -> None:
        self.app, self.admin, self.sessions = app, admin, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == ADMIN_PATH or path.startswith(f"{ADMIN_PATH}/")):
            return await self.app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in EVERYWHERE.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = await self._answer(Request(scope, receive), path, scope["method"])
        await (answer or self.admin)(scope, receive, send_guarded)

    async def _answer(self, request: Request, path: str, method: str) -> Response | None:
        """What is said instead of the admin page; None where the page may answer itself."""
        if _from_elsewhere(request):
            return PlainTextResponse("Requests from other sites are refused.", 403)
        if (method, path) == ("POST", f"{ADMIN_PATH}/sign-in"):
            return await self._sign_in(request)
        at_entrance = method == "GET" and path in (ADMIN_PATH, f"{ADMIN_PATH}/", f"{ADMIN_PATH}/sign-in")
        if is_admin(self.sessions, request):
            if (method, path) == ("POST", f"{ADMIN_PATH}/sign-out"):
                return self._sign_out(request)
            arrived = path == f"{ADMIN_PATH}/" and "token" not in request.query_params
            return RedirectResponse(f"{ADMIN_PATH}/", 303) if at_entrance and not arrived else None
        if at_entrance:
            session = self.sessions.redeem(request.query_params.get("token", ""))
            return self._enter(request, session) if session else self._page()
        return PlainTextResponse(f"Sign in at {ADMIN_PATH}/ first.", 401)

    async def _sign_in(self, request: Request) -> Response:
        try:
            fields = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=9)
        except ValueError:
            fields = {}
        try:
            session = self.sessions.sign_in(fields.get("password", [""])[0], client_of(request.scope))
        except TryLater as later:
            seconds = math.ceil(later.seconds)
            said = self._page(f"Too many wrong passwords. Try again in {seconds} seconds.", 429)
            said.headers["retry-after"] = str(seconds)
            return said
        return self._enter(request, session) if session else self._page("That is not the password.")

    def _enter(self, request: Request, session: str) -> Response:
        entered = RedirectResponse(f"{ADMIN_PATH}/", 303, {"cache-control": "no-store"})
        entered.set_cookie(
            self.sessions.cookie,
            session,
            SESSION_S,
            path=ADMIN_PATH,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return entered

    def _sign_out(self, request: Request) -> Response:
        self.sessions.sign_out(request.cookies[self.sessions.cookie])
        left = RedirectResponse(f"{ADMIN_PATH}/", 303)
        left.delete_cookie(self.sessions.cookie, path=ADMIN_PATH)
        return left

    def _page(self, message: str = "", status: int = 401) -> Response:
        known = self.sessions.has_password
        text = message or (BY_PASSWORD if known else BY_LINK)
        page = Template(SIGN_IN.read_text(encoding="utf-8"))
        return HTMLResponse(page.substitute(message=html.escape(text), form=FORM if known else ""), status, OWN_PAGE)


def _from_elsewhere(request: Request) -> bool:
    """Whether another site made the browser ask: it may link to the page, and nothing else."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return True
    return request.method not in ("GET", "HEAD") and site not in ("same-origin", "none")
