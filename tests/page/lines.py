"""A line between a browser and the dock, for tests that look at what goes over it or cut it: bytes pass unchanged, and at its end nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

Seen = Callable[[bytes], Awaitable[None]]


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            await seen(data)
            writer.write(data)
            await writer.drain()
    writer.close()


async def _ended(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.transport.abort()
    for writer in writers:
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def laid(url: str, *, up: Seen, down: Seen) -> AsyncIterator[str]:
    """The address of this end of a line to `url`. `up` and `down` see what goes to the dock and what comes from it, before it goes on."""
    far, open_ends = urlsplit(url), set[asyncio.Task[None]]()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(far.hostname, far.port)
        except OSError:
            await _ended(writer)
            return
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass(reader, back, up))
                both.create_task(_pass(there, writer, down))
        finally:
            await _ended(writer, back)

    def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(meet(reader, writer))
        open_ends.add(task)
        task.add_done_callback(open_ends.discard)

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        left = set(open_ends)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
