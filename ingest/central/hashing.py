"""SHA-256 of a file as it lies on the disk, read back past the page cache.

Why: a hash over what came from the network proves that the network was kind. The store vouches for what a later reader
will get, so it reads its disk. O_DIRECT does that; where a filesystem has none, the (clean, synced) pages are dropped
first. While an upload is still coming, what has been synced is hashed already, so that a large one does not pay a second
pass at its end.

Rules: called in threads only; a running digest never covers a block that may still be written to.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from ingest.central.buffers import BLOCK, aligned_buffer
from ingest.central.data_file import open_direct

PIECE = 4 << 20
_memory = threading.local()


class ReadBackError(OSError):
    """The file ends before the bytes that it should have."""


class StoppedError(Exception):
    """The store is closing: the hash was given up."""


class RunningDigest:
    """SHA-256 of the first `upto` bytes. `upto` is a multiple of a block until the last."""

    def __init__(self) -> None:
        self.upto = 0
        self._sha = hashlib.sha256()

    def advance(self, path: Path, *, to: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Read the disk on to byte `to`, which is durable. Raises ReadBackError, StoppedError, OSError."""
        if to <= self.upto:
            return
        with _BackReader(path) as reader:
            while self.upto < to:
                if stopped():
                    raise StoppedError
                piece = reader.read(at=self.upto, size=min(PIECE, to - self.upto))
                self._sha.update(piece)
                self.upto += len(piece)

    def hexdigest(self) -> str:
        """Of what was read so far."""
        return self._sha.hexdigest()


def whole_blocks(offset: int) -> int:
    """How far a running digest may go while the block at `offset` can still be written to."""
    return offset // BLOCK * BLOCK


def sha256_on_disk(path: Path, *, size: int, stopped: Callable[[], bool] = lambda: False) -> str:
    """Hex SHA-256 of exactly `size` bytes. Raises ReadBackError if there are fewer, StoppedError, OSError."""
    digest = RunningDigest()
    digest.advance(path, to=size, stopped=stopped)
    return digest.hexdigest()


class _BackReader:
    def __init__(self, path: Path) -> None:
        fd = open_direct(path, os.O_RDONLY)
        self._direct = fd is not None
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC) if fd is None else fd

    def __enter__(self) -> _BackReader:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def read(self, *, at: int, size: int) -> memoryview:
        """`size` bytes at the block-aligned `at`, in memory that the next read uses again."""
        if not self._direct:
            os.posix_fadvise(self._fd, at, size, os.POSIX_FADV_DONTNEED)
        # A direct request is made of whole blocks; it comes back short at the end of the file.
        view = _own_buffer()[: -(-size // BLOCK) * BLOCK]
        got = os.preadv(self._fd, [view], at)
        if got < size and got % BLOCK == 0 and got > 0:
            return view[:got]
        if got < size:
            raise ReadBackError(f"the file ends at byte {at + got}, {size - got} bytes too early")
        return view[:size]


def _own_buffer() -> memoryview:
    if not hasattr(_memory, "buffer"):
        _memory.buffer = aligned_buffer(PIECE)
    buffer: memoryview = _memory.buffer
    return buffer
