# SPDX-License-Identifier: Apache-2.0

"""Sessions of the admin: a link that works once, or a password, opens one. Knows nothing of HTTP."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

SESSION_S = 12 * 3600
FREE = 5  # wrong passwords of one client that cost no wait
LONGEST_WAIT_S = 300
FORGET_S = 3600  # without a wrong password, and the count begins anew
MOST_CLIENTS = 1000  # remembered at the same time


class TryLater(Exception):
    """Too many wrong passwords; `seconds` says when the next is checked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@dataclass
class FailedAttempts:
    """Wrong passwords by one client."""

    wrong: int = 0
    last: float = 0
    checked_from: float = 0  # not before this

    def add(self, now: float) -> None:
        if now > self.last + FORGET_S:
            self.wrong = 0
        self.wrong, self.last = self.wrong + 1, now
        if self.wrong >= FREE:  # 2 s, 4 s, 8 s ...
            self.checked_from = now + min(2.0 ** min(self.wrong - FREE + 1, 30), LONGEST_WAIT_S)


class AdminSessions:
    """Sessions are random strings held in memory, hashed, so that looking one up tells nothing by its time.

    `link_token` is "" where there is no link, and once it was used. An open session stays open whatever else is refused.
    `cookie` names the cookie that carries it; it bears the port, since browsers send a cookie to every port of a host.
    """

    def __init__(
        self, password: str = "", link: bool = False, port: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cookie = f"vlm-lab-admin-{port}"
        self.has_password = bool(password)
        self.link_token = secrets.token_urlsafe(32) if link else ""
        self._password = _hash(password)
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[bytes, float] = {}  # to when each ends
        self._clients: dict[str, FailedAttempts] = {}

    def redeem(self, token: str) -> str | None:
        """A session for the token of the link, which is void from then on; None for any other token."""
        with self._lock:
            if not self.link_token or not hmac.compare_digest(_hash(token), _hash(self.link_token)):
                return None
            self.link_token = ""
            return self._open()

    def sign_in(self, password: str, client: str) -> str | None:
        """A session for the right password, None for a wrong one. Raises TryLater, whatever the password, when this
        client sent too many wrong ones. Others are not made to wait, or anybody could lock the admin out."""
        with self._lock:
            now = self._clock()
            failed = self._clients.get(client) or FailedAttempts()
            wait = failed.checked_from - now
            if wait > 0:
                raise TryLater(wait)
            if self.has_password and hmac.compare_digest(_hash(password), self._password):
                self._clients.pop(client, None)
                return self._open()
            failed.add(now)
            self._remember(client, failed)
            return None

    def is_open(self, session: str | None) -> bool:
        return self._sessions.get(_hash(session or ""), 0) > self._clock()

    def sign_out(self, session: str) -> None:
        with self._lock:
            self._sessions.pop(_hash(session), None)

    def _open(self) -> str:
        now, session = self._clock(), secrets.token_urlsafe(32)
        self._sessions = {one: end for one, end in self._sessions.items() if end > now}
        self._sessions[_hash(session)] = now + SESSION_S
        return session

    def _remember(self, client: str, failed: FailedAttempts) -> None:
        self._clients.pop(client, None)  # so that the dictionary runs from the longest silent to the latest
        self._clients[client] = failed
        if len(self._clients) > MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
