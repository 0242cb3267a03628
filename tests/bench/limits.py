"""What the machine itself can do, with nothing done to the bytes: the bounds that dockd is held against.

Written apart from the engine on purpose: a bound that shares the code it bounds would hide its
faults.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from queue import SimpleQueue

from ingest.worker.arena import Arena

BUFFERS, BUFFER = 6, 4 << 20


def copy_without_hash(source: Path, target: Path, *, size: int) -> None:
    """Staged O_DIRECT: one thread reads, one writes, preallocated, one fsync. `size` is whole buffers."""
    arena = Arena(buffers=BUFFERS, buffer_size=BUFFER)
    reading = os.open(source, os.O_RDONLY | os.O_DIRECT)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_DIRECT, 0o600)
    os.posix_fallocate(writing, 0, size)
    free: SimpleQueue[int] = SimpleQueue()
    full: SimpleQueue[int] = SimpleQueue()
    for slot in range(BUFFERS):
        free.put(slot)

    def write() -> None:
        for offset in range(0, size, BUFFER):
            slot = full.get()
            assert os.pwritev(writing, [arena.buffers[slot]], offset) == BUFFER
            free.put(slot)

    writer = threading.Thread(target=write)
    writer.start()
    for offset in range(0, size, BUFFER):
        slot = free.get()
        assert os.preadv(reading, [arena.buffers[slot]], offset) == BUFFER
        full.put(slot)
    writer.join()
    os.fsync(writing)


def read_only(source: Path, *, size: int) -> None:
    """One O_DIRECT pass into a single buffer: kinder to the processor's caches than any ring can be."""
    view = Arena(buffers=2, buffer_size=BUFFER).buffers[0]
    reading = os.open(source, os.O_RDONLY | os.O_DIRECT)
    for offset in range(0, size, BUFFER):
        assert os.preadv(reading, [view], offset) == BUFFER


def sha256_alone(*, size: int) -> None:
    """SHA-256 over as many bytes out of memory: it runs over a file in order, so one core bounds it."""
    arena = Arena(buffers=BUFFERS, buffer_size=BUFFER)
    for view in arena.buffers:
        view[::4096] = bytes(BUFFER // 4096)
    digest = hashlib.sha256()
    for number in range(size // BUFFER):
        digest.update(arena.buffers[number % BUFFERS])
    digest.hexdigest()
