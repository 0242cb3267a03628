"""Somebody on the line between dockd and a store: passes everything on as it is, but for the bytes of segments."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from tests.simulators.stores.s3 import body_of
from tests.stores.servers.base import S3Server

_OWN = ("connection", "transfer-encoding", "content-length", "date", "server")


class OneBitOther:
    """The last bit in the middle of what is put under a segment's key."""

    def change(self, body: bytes) -> bytes:
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


class Meddler:
    """A proxy at `url` in front of a server, in a thread of its own. `changed`: how many bodies it has changed.

    The signature covers the body's hash, so that only a server that looks at neither it nor the checksum takes what was changed.
    """

    def __init__(self, server: S3Server, damage: OneBitOther) -> None:
        self.server, self.damage = server, damage
        self.changed = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="meddler", daemon=True)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def passed_on(request: web.BaseRequest) -> web.StreamResponse:
                return await self._pass_on(session, request)

            runner = web.ServerRunner(web.Server(passed_on), shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._ready.set()
            await self._over.wait()
            await runner.cleanup()
        for _ in range(3):  # connections are told of their end in the loop's next turns
            await asyncio.sleep(0)

    async def _pass_on(self, session: aiohttp.ClientSession, request: web.BaseRequest) -> web.StreamResponse:
        body = await body_of(request)
        path = request.raw_path.partition("?")[0]
        if request.method == "PUT" and body and "dockd" not in path and not path.endswith(".json"):
            body = self.damage.change(body)
            self.changed += 1
        headers = CIMultiDict((n, v) for n, v in request.headers.items() if n.lower() not in ("content-length",))
        url = yarl.URL(f"{self.server.endpoint}{request.raw_path}", encoded=True)
        async with session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as got:
            content = await got.read()
            said = CIMultiDict((n, v) for n, v in got.headers.items() if n.lower() not in _OWN)
            if request.method == "HEAD":
                return web.Response(status=got.status, headers={**said, "Content-Length": got.headers.get("Content-Length", "0")})  # fmt: skip
            return web.Response(status=got.status, headers=said, body=content)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
