"""The bytes of a spool file for a socket: read ahead in a thread, handed out in small slices.

Why: a read inside an async generator starves the event loop where the socket never pushes back, and large slices hurt TLS
(docs/benchmarks). 1 MiB is read ahead while the one before is sent.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

READ = 1 << 20
SLICE = 128 << 10


async def slices(path: Path, *, offset: int, length: int, slice_size: int = SLICE) -> AsyncIterator[bytes]:
    """`length` bytes of `path` from `offset` on. Raises OSError; EOFError where the file is shorter."""
    fd = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    ahead: asyncio.Task[bytes] | None = None
    try:
        position, end = offset, offset + length
        ahead = asyncio.create_task(_read(fd, position, min(READ, end - position)))
        while position < end:
            block = await ahead
            if not block:
                raise EOFError(f"{path} ends at {position}, {end} was expected")
            position += len(block)
            if position < end:
                ahead = asyncio.create_task(_read(fd, position, min(READ, end - position)))
            view = memoryview(block)
            for start in range(0, len(block), slice_size):
                yield bytes(view[start : start + slice_size])
    finally:
        if ahead is not None:
            await asyncio.gather(ahead, return_exceptions=True)
        os.close(fd)


async def _read(fd: int, offset: int, length: int) -> bytes:
    return await asyncio.to_thread(os.pread, fd, length, offset) if length else b""
