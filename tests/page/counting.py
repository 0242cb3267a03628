"""A line between a browser and the dock that counts what goes over it: bytes with all their headers, and requests, whoever in the browser makes them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(?:^|\r\n\r\n)(?:GET|POST|HEAD) (\S+) HTTP/1\.1\r\n")


@dataclass
class Counted:
    """`down` bytes to the browser; `paths` that were asked for."""

    url: str = ""
    down: int = 0
    up: int = 0
    paths: list[str] = field(default_factory=list)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: Counted, *, up: bool) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            if up:
                counted.up += len(data)
                counted.paths += [path.decode("ascii", "replace") for path in _REQUEST.findall(data)]
            else:
                counted.down += len(data)
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        writer.close()


@contextlib.asynccontextmanager
async def counting(url: str) -> AsyncIterator[Counted]:
    """A line to `url`; `Counted.url` is this end of it."""
    counted, far, pumps = Counted(), urlsplit(url), set[asyncio.Task[None]]()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(far.hostname, far.port)
        both = [
            asyncio.create_task(_pump(reader, back, counted, up=True)),
            asyncio.create_task(_pump(there, writer, counted, up=False)),
        ]
        pumps.update(both)
        await asyncio.wait(both)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    counted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield counted
    finally:
        server.close()
        for pump in pumps:
            pump.cancel()
        if pumps:
            await asyncio.wait(pumps)
