"""A simulated store behind a real address, in a thread of its own, so that whole programs can talk to it."""

from __future__ import annotations

import asyncio
import ssl
import threading
import weakref
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.simulators.stores.honest import HonestStore


class Lines(web.Server):
    """A server that can cut all its lines. One under TLS else stays open until the other end has said farewell, too, and that may be a thread that waits
    for this one."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(answer)
        self._lines: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._lines.add(transport)

    def cut(self) -> None:
        for line in list(self._lines):
            line.abort()


class Running:
    """`store` may be replaced at any time: the address stays.

    with Running(HonestStore()) as store:
        ...  # store.url
    """

    def __init__(self, store: HonestStore, *, tls: ssl.SSLContext | None = None) -> None:
        self.store = store
        self._tls = tls
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-store", daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        assert isinstance(request, web.BaseRequest)
        return await self.store.answer(request)  # type: ignore[arg-type]

    async def _serve(self) -> None:
        server = Lines(self._answer)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._over.wait()
        await runner.cleanup()
        await _turns()  # whoever was let in last is known now
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        server.cut()
        await _turns()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)


async def _turns() -> None:
    """Connections are told of what befalls them in the loop's next turns."""
    for _ in range(5):
        await asyncio.sleep(0)
