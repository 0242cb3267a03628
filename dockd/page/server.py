"""The page's socket, and how it begins and ends.

Rules kept here: loopback only (users and TLS come later); the address is taken before anything else is begun, so that a wrong one is said
at once; at the end live streams are let go first, and nothing is waited for longer than two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from dockd.page.api import Api
from dockd.page.changes import Changes
from dockd.page.doorkeeper import Doorkeeper
from dockd.page.facts import Sources
from dockd.page.live import Live
from dockd.page.pages import PAGES, Parts
from dockd.page.rendering import Rendering
from dockd.page.view import View
from dockd.settings import ListenAddress
from ingest.errors import DockdError

_ENDING = 2.0
_log = logging.getLogger("dockd.page.http")


def _is_a_mistake_of_ours(record: logging.LogRecord) -> bool:
    """Nonsense on the line, and clients that have left, are nobody's concern: whoever can reach the page could fill the log with them."""
    failure = record.exc_info[1] if record.exc_info else None
    return not isinstance(failure, (HttpProcessingError, ConnectionError))


_log.addFilter(_is_a_mistake_of_ours)


class PageUnusable(DockdError):
    """The page's address cannot be had; the message says why and what to do."""


def take_address(listen: ListenAddress) -> socket.socket:
    """A bound socket that listens. Raises PageUnusable."""
    host = "127.0.0.1" if listen.host == "localhost" else listen.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, listen.port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise PageUnusable(
            f"the page cannot have {listen}: {error.strerror or error}. End what uses it, or name another page.listen"
        ) from error
    return sock


def address_of(sock: socket.socket) -> str:
    """As a URL."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def page(
    *, sources: Sources, view: View, sock: socket.socket, metrics: Callable[[], Awaitable[tuple[bytes, str]]]
) -> AsyncIterator[Live]:  # fmt: skip
    """Serve on `sock` while the body runs."""
    live = Live(view)
    names = frozenset(
        name.lower() for name in (*sources.settings.page.allowed_hosts, sources.settings.page.listen.host)
    )
    app = web.Application(middlewares=[Doorkeeper(names).middleware], client_max_size=64 << 10)
    Api(sources=sources, view=view, live=live, metrics=metrics).add_to(app.router)
    Changes(sources=sources).add_to(app.router)
    parts = Parts(sources=sources, view=view, rendering=Rendering(view=view))
    for made in PAGES:
        made(parts).add_to(app.router)
    runner = web.AppRunner(
        app, access_log=None, logger=_log, shutdown_timeout=_ENDING, keepalive_timeout=75.0, handle_signals=False
    )  # fmt: skip
    await runner.setup()
    try:
        await web.SockSite(runner, sock, backlog=128).start()
        looking = asyncio.create_task(live.run(), name="page-live")
        try:
            yield live
        finally:
            looking.cancel()
            await asyncio.wait({looking})
    finally:
        live.close()
        await runner.cleanup()
