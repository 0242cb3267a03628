"""The page's socket, and how it begins and ends.

Rules kept here: beyond this machine only as dockd.page.opening allows; the address is taken before anything else is begun, so that a wrong one is said
at once; at the end live streams are let go first, and nothing is waited for longer than two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Container

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from dockd.access.desk import Access
from dockd.access.elsewhere import voucher
from dockd.access.hashing import Hashing
from dockd.page.api import Api
from dockd.page.callers import Callers
from dockd.page.changes import Changes
from dockd.page.compression import Compression
from dockd.page.connections import Connections, Context
from dockd.page.doorkeeper import Doorkeeper
from dockd.page.faces import faces
from dockd.page.facts import Sources
from dockd.page.live import Live
from dockd.page.opening import access_file
from dockd.page.pages import PAGES, Parts
from dockd.page.pages.login import RefusedPage
from dockd.page.rendering import Rendering
from dockd.page.typed import Keeper
from dockd.page.view import View
from dockd.settings import ListenAddress
from ingest.errors import DockdError
from ingest.events import Event

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


def address_of(sock: socket.socket, *, tls: bool = False) -> str:
    """As a URL."""
    host, port = sock.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextlib.asynccontextmanager
async def page(
    *, sources: Sources, view: View, sock: socket.socket, metrics: Callable[[], Awaitable[tuple[bytes, str]]],
    tls: Context | None = None, hashing: Hashing | None = None,
) -> AsyncIterator[Live]:  # fmt: skip
    """Serve on `sock` while the body runs. `tls`: as whom, now; `hashing`: what a password's hash costs."""
    rendering = Rendering(view=view)
    live = Live(view, faces(view, rendering))
    access = access_of(sources, hashing=hashing)
    parts = Parts(sources=sources, view=view, rendering=rendering, access=access)
    runner = web.AppRunner(
        application(parts, live=live, metrics=metrics), access_log=None, logger=_log, shutdown_timeout=_ENDING, keepalive_timeout=75.0,
        handle_signals=False,
    )  # fmt: skip
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - it has just been made
    connections = Connections(sock, runner.server, tls=tls)
    try:
        tasks = {
            asyncio.create_task(live.run(), name="page-live"), asyncio.create_task(access.run(), name="page-access"),
        }  # fmt: skip
        try:
            async with connections.taken():
                yield live
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
    finally:
        live.close()
        await runner.cleanup()
        await access.close()


def access_of(sources: Sources, *, hashing: Hashing | None = None) -> Access:
    """Who may come in, by the file beside the ledger; what happens of it goes into custody."""
    ledger = sources.ledger

    async def record(event: Event) -> None:
        await ledger.commit(lambda tx: tx.record(event))

    return Access(
        access_file(sources.settings), clock=sources.clock, idle=lambda: sources.settings.page.idle, record=record, tell=ledger.publish,
        hashing=hashing, elsewhere=sources.settings.oidc.issuer is not None, voucher=voucher(sources.settings.oidc),
    )  # fmt: skip


class Names(Container[str]):
    """The names under which the page may be asked for, as the settings are now."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def __contains__(self, name: object) -> bool:
        page = self._sources.settings.page
        return any(name == one.lower() for one in (*page.allowed_hosts, page.listen.host))


def application(
    parts: Parts, *, live: Live, metrics: Callable[[], Awaitable[tuple[bytes, str]]]
) -> web.Application:  # fmt: skip
    """Every address there is, behind the doorkeeper."""
    doorkeeper = Doorkeeper(Names(parts.sources), Callers(parts.access), RefusedPage(parts).show, keeping=Keeper())
    app = web.Application(
        middlewares=[Compression().middleware, live.noted, doorkeeper.middleware], client_max_size=64 << 10
    )  # fmt: skip
    Api(sources=parts.sources, view=parts.view, live=live, metrics=metrics).add_to(app.router)
    Changes(sources=parts.sources, view=parts.view).add_to(app.router)
    live.add_to(app.router)
    for made in PAGES:
        made(parts).add_to(app.router)
    return app
