"""Connections: how many, how long, and how much each may say before it has said anything.

Rules: a connection over the limit gets 503 and is closed; one that brings no whole request in time is closed by the
keep-alive timer, which runs from the moment it is made; headers are bounded; what is no HTTP gets a problem document
like everything else.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ingest.central.answers import problem_response
from ingest.central.refusals import Refusal
from ingest.central.settings import StoreSettings

_HANDSHAKE = 10.0  # seconds
_CLOSING = 4.0  # seconds that requests get to end by themselves
_TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Connection(web.RequestHandler):
    __slots__ = ("_all", "_most")

    def __init__(self, server: web.Server, *, most: int, **options: Any) -> None:
        super().__init__(server, **options)
        self._all = server
        self._most = most

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None and len(self._all.connections) > self._most:
            self.transport.write(_TOO_MANY)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError) or status < 500:
            refusal = Refusal(400, "http", "the request is no well-formed HTTP/1.1, or its headers are too large")
        else:
            if not isinstance(exc, ConnectionError):  # a client that has left is nobody's mistake
                self.log_exception("a request failed outside of its handler", exc_info=exc)
            refusal = Refusal(500, "fault", "the store has made a mistake; its log says which")
        response = problem_response(refusal)
        response.force_close()
        return response


async def serve(
    app: web.Application, *, sock: socket.socket, settings: StoreSettings, ends: AsyncExitStack, tls: ssl.SSLContext | None = None
) -> str:  # fmt: skip
    """Serve `app` on a bound socket until `ends` is closed, over TLS where there is a context. Gives the address as a URL."""
    options: dict[str, Any] = {
        "access_log": None,
        "auto_decompress": False,
        "keepalive_timeout": settings.idle_timeout,
        "lingering_time": min(2.0, settings.idle_timeout),
        "read_bufsize": 1 << 20,
        "max_field_size": 16384,
    }
    runner = web.AppRunner(app, shutdown_timeout=_CLOSING, **options)
    await runner.setup()
    ends.push_async_callback(runner.cleanup)
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None  # noqa: S101 (there from setup to cleanup)
    server = await loop.create_server(
        lambda: _Connection(manager, most=settings.max_connections, loop=loop, **options), sock=sock, backlog=128,
        ssl=tls, ssl_handshake_timeout=_HANDSHAKE if tls is not None else None,
    )  # fmt: skip
    ends.callback(server.close)
    host, port = sock.getsockname()[:2]
    scheme = "https" if tls is not None else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
