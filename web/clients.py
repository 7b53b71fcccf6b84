# SPDX-License-Identifier: Apache-2.0

"""Who sent a request, and whether it was meant for this lab."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def client_of(scope: Scope) -> str:
    """The network address that limits a visitor: of IPv6 the first 64 bits, which one household or server has whole.

    Behind a proxy it is the visitor's only where the proxy is trusted (`--trust-proxy`): uvicorn has put it into the scope.
    """
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a Unix socket
        return host
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


class HostCheck:
    """Answers 403 to requests that name another host than `names`, or come from another site's page.

    A page elsewhere on the web can point its own name at 127.0.0.1 (DNS rebinding), or send a form here; either would
    otherwise reach a lab that listens on a loopback address only.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app, self.names = app, {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        asked = [_host_of(f"//{headers.get('host', '')}")]
        if (origin := headers.get("origin")) is not None:
            asked.append(_host_of(origin))
        for name in asked:
            if name not in self.names:
                text = f"This lab does not answer to {name[:100]!r}. If it should, start it with --allow-host and that name."
                return await PlainTextResponse(text, 403)(scope, receive, send)
        await self.app(scope, receive, send)


def _host_of(address: str) -> str:
    """The host's name in lower case, an IPv6 address without brackets; "" where there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
