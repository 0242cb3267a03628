"""The bytes of one unfinished upload: written past the page cache where they are aligned, through it where not.

An upload may stop and go on at any byte, and O_DIRECT wants whole blocks. So there are two descriptors on one file: the
direct one takes the aligned middle, the other the ragged ends; the kernel keeps both views the same, and one fdatasync
covers both. Rules: the file's size never exceeds what was written; nothing here decides when to sync.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ingest.central.buffers import BLOCK
from ingest.central.disk import Disk

_NO_DIRECT = {errno.EINVAL, errno.EOPNOTSUPP}


def open_direct(path: Path, flags: int) -> int | None:
    """A descriptor that goes past the page cache; None where the filesystem has none such."""
    try:
        return os.open(path, flags | os.O_DIRECT | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as refused:
        if refused.errno not in _NO_DIRECT:
            raise
        return None


class DataFile:
    """An open upload. All methods block; one thread at a time writes."""

    def __init__(self, path: Path, *, disk: Disk) -> None:
        """Raises OSError, FileNotFoundError among them."""
        self._disk = disk
        self._plain = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._direct = open_direct(path, os.O_RDWR)
        except OSError:
            os.close(self._plain)
            raise

    def cut_to(self, size: int) -> None:
        """Forget what lies beyond `size` (bytes that were never durable, or not what they were said to be)."""
        if os.fstat(self._plain).st_size != size:
            self._disk.truncate(self._plain, size)

    def write(self, view: memoryview, *, at: int) -> None:
        """All of `view` at offset `at`; `view` must lie in memory as `at` lies in its block. Raises OSError (ENOSPC)."""
        head = min(-at % BLOCK, len(view))
        middle = (len(view) - head) // BLOCK * BLOCK
        if head:
            self._disk.write(self._plain, view[:head], at=at)
        if middle:
            self._write_blocks(view[head : head + middle], at=at + head)
        if head + middle < len(view):
            self._disk.write(self._plain, view[head + middle :], at=at + head + middle)

    def _write_blocks(self, view: memoryview, *, at: int) -> None:
        if self._direct is not None:
            try:
                self._disk.write(self._direct, view, at=at)
                return
            except OSError as refused:
                if refused.errno not in _NO_DIRECT:
                    raise
                os.close(self._direct)
                self._direct = None
        self._disk.write(self._plain, view, at=at)

    def sync(self) -> None:
        """All that was written is on the disk."""
        self._disk.sync(self._plain)

    def close(self) -> None:
        """Let go of the descriptors; nothing is synced."""
        os.close(self._plain)
        if self._direct is not None:
            os.close(self._direct)


_RECORD = 32  # bytes: one slot, far inside one sector
_SLOTS = (0, BLOCK)


class OffsetFile:
    """How far an upload is durable: the truth that HEAD answers from after a restart.

    A file's size is no such truth: it may run ahead of the data, and of bytes whose checksum was never verified. Two
    slots, written in turn, each with its own check, so that a torn write leaves the other. The offset only ever grows;
    the larger valid one counts.
    """

    def __init__(self, path: Path, *, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._slot = 0

    def read(self) -> int:
        """Bytes; 0 where nothing valid was ever written. Raises OSError."""
        content = self._path.read_bytes()
        found = [_parsed(content[slot : slot + _RECORD]) for slot in _SLOTS]
        self._slot = 1 if found[0] >= found[1] else 0
        return max(found)

    def write(self, offset: int) -> None:
        """Make `offset` durable; the bytes before it are already. Raises OSError."""
        fd = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._disk.write(fd, memoryview(_record(offset)), at=_SLOTS[self._slot])
            self._disk.sync(fd)
        finally:
            os.close(fd)
        self._slot = 1 - self._slot


def _record(offset: int) -> bytes:
    # The number twice, the second time inverted: a torn or foreign record does not fit itself.
    return f"{offset:016x}{offset ^ (2**64 - 1):016x}".encode("ascii")


def _parsed(slot: bytes) -> int:
    try:
        offset, inverse = int(slot[:16], 16), int(slot[16:], 16)
    except ValueError:
        return 0
    return offset if len(slot) == _RECORD and offset ^ inverse == 2**64 - 1 else 0
