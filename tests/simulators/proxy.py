"""A simulated HTTP proxy: forwards absolute-form requests, tunnels CONNECT, and refuses as it is told.

    with ForwardProxy(auth="user:secret") as proxy:
        ...  # proxy.url, proxy.heads: every request's head as it came

It runs in a thread of its own, and goes wherever it is asked to on this machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_HEAD = 64 << 10
_PAGE = b"<html><body>ERR_ACCESS_DENIED: ask your administrator</body></html>"


class ForwardProxy:
    """`auth`: USER:PASSWORD that it wants. `refuses`: a status that it answers everything with, by a page of its own."""

    def __init__(self, *, auth: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.refuses: int | None = None
        self.heads: list[bytes] = []
        self._wanted = None if auth is None else b"basic " + base64.b64encode(auth.encode()).lower()
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-proxy", daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self._tls, limit=_HEAD)
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        server.close()
        for _ in range(5):  # whoever was let in last is known then
            await asyncio.sleep(0)
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        for _ in range(5):  # connections are told of their end in the loop's next turns
            await asyncio.sleep(0)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self._one(head, reader, writer)
        finally:
            writer.close()  # under TLS it is open until the other end has said farewell, too

    async def _one(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, fields = head.partition(b"\r\n")
        method, target, _version = line.split(b" ")
        lines = fields.rstrip(b"\r\n").split(b"\r\n")
        if self._wanted is not None and self._wanted not in (part.partition(b": ")[2].lower() for part in lines):
            return await _refuse(writer, 407, b'Proxy-Authenticate: Basic realm="proxy"\r\n', method=method)
        if self.refuses is not None:
            return await _refuse(writer, self.refuses, method=method)
        where = urlsplit((b"//" + target if method == b"CONNECT" else target).decode())
        there, back = await asyncio.open_connection(where.hostname, where.port or 80)
        self._open.add(back)
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            kept = [part for part in lines if not part.lower().startswith((b"proxy-", b"connection:"))]
            path = target.decode().split("/", 3)[-1].encode()
            back.write(b"\r\n".join([method + b" /" + path + b" HTTP/1.1", *kept, b"Connection: close", b"", b""]))
        try:
            await asyncio.gather(_pour(reader, back), _pour(there, writer))
        finally:
            back.transport.abort()
            self._open.discard(back)
        return None


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await source.read(64 << 10):
            target.write(block)
            await target.drain()
    target.close()


async def _refuse(writer: asyncio.StreamWriter, status: int, more: bytes = b"", *, method: bytes) -> None:
    kind = b"Content-Type: text/html; charset=utf-8\r\n"
    length = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(_PAGE)
    writer.write(b"HTTP/1.1 %d No\r\n" % status + more + kind + length + (b"" if method == b"HEAD" else _PAGE))
    await writer.drain()
