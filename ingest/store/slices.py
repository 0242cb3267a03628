"""The bytes of a spool file for a socket: read ahead in a thread, past the page cache, handed out in small slices.

Why: a read inside an async generator starves the event loop where the socket never pushes back; large slices hurt TLS; and a spool
file was written past the page cache, so that reading it through the cache would cost a copy of every byte and evict what the
machine needs (docs/benchmarks/upload.md). Each slice is a copy of its own: a socket may keep it while its buffer is filled again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import mmap
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

READ = 2 << 20  # bytes in one request to the disk
AHEAD = 2  # requests under way or waiting while the one before is sent
SLICE = 256 << 10
_BLOCK = 4096  # bytes: the alignment that O_DIRECT wants of offset, length and memory


async def slices(path: Path | int, *, offset: int, length: int, slice_size: int = SLICE) -> AsyncIterator[bytes]:
    """`length` bytes of `path` from `offset` on. Raises OSError; EOFError where the file is shorter.

    A descriptor is read as it is: direct if it was opened so, and its owner closes it.
    """
    if length <= 0:
        return
    first, end = offset - offset % _BLOCK, offset + length
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, _open, path)
    idle = _buffers(end - first)
    reading: deque[tuple[memoryview, int, asyncio.Future[None]]] = deque()
    position = first
    try:
        fd = await asyncio.shield(opening)  # a thread must not outlive the descriptor, nor open one that nobody closes
        while position < end or reading:
            while idle and position < end:
                view, wanted = idle.pop(), min(READ, end - position)
                reading.append((view, wanted, loop.run_in_executor(None, _fill, fd, view, position, wanted)))
                position += wanted
            view, wanted, done = reading[0]
            await asyncio.shield(done)
            reading.popleft()
            for start in range(offset - first, wanted, slice_size):
                yield bytes(view[start : min(wanted, start + slice_size)])
            first = offset  # only the first request begins before what was asked for
            idle.append(view)
    finally:
        await asyncio.gather(opening, *(done for _view, _wanted, done in reading), return_exceptions=True)
        if opening.exception() is None:
            os.close(opening.result())


def _open(path: Path | int) -> int:
    if isinstance(path, int):
        return os.dup(path)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_DIRECT)
    except OSError as refused:
        if refused.errno != errno.EINVAL:
            raise
    return os.open(path, flags)


def _buffers(needed: int) -> list[memoryview]:
    """Page-aligned memory for as many requests as `needed` bytes take, at most AHEAD and the one that is being sent."""
    size = min(READ, needed + -needed % _BLOCK)
    count = min(AHEAD + 1, -(-needed // READ))
    memory = mmap.mmap(-1, size * count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size == READ:
        with contextlib.suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    whole = memoryview(memory)
    return [whole[number * size : (number + 1) * size] for number in range(count)]


def _fill(fd: int, view: memoryview, offset: int, wanted: int) -> None:
    """Read `wanted` bytes at `offset`. After a short read it goes on at the start of the block in which that ended."""
    filled = 0
    while filled < wanted:
        start = filled - filled % _BLOCK
        reached = start + _read(fd, view[start:], offset + start)
        if reached <= filled:
            raise EOFError(f"the spool file ends at {offset + filled}, {offset + wanted} was expected")
        filled = reached


def _read(fd: int, view: memoryview, offset: int) -> int:
    try:
        return os.preadv(fd, [view], offset)
    except OSError as refused:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        if refused.errno != errno.EINVAL or not flags & os.O_DIRECT:
            raise
        fcntl.fcntl(fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)  # this filesystem takes the flag and refuses the request
    return os.preadv(fd, [view], offset)
