"""What is wrong with a write-ahead log that SQLite would pass over without a word, and with it over everything that was committed last.

SQLite reads a log up to the first frame that does not fit and forgets the rest: right after a power cut, wrong after a flipped byte. The two can
be told apart. With synchronous=FULL nothing of a transaction is written before the one before it is on the disk, so a cut leaves at most one
transaction torn, the last. A frame that follows upon a commit, beyond a frame that does not fit, shows that whole transactions are lost.

The format is SQLite's own (sqlite.org/fileformat2.html, 4.1): a header of 32 bytes, then frames of 24 bytes and a page; each checksum goes on from
the one before. Only reads; a log that ends early, or whose last transaction is torn, is no damage.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LITTLE, _BIG = 0x377F0682, 0x377F0683
_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_SUMMED = 8  # bytes of a frame's header that its checksum covers
_LARGEST = 1 << 30  # bytes that are looked at: no dock's log comes near it
_MASK = 0xFFFFFFFF

Sums = tuple[int, int]


def fault(path: Path) -> str | None:
    """What is wrong with the log at `path`; None where nothing is, or there is none. Blocks. Raises OSError, also where it is no file."""
    try:
        # Non-blocking: opening a FIFO that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "its write-ahead log is no file")
        with open(descriptor, "rb", closefd=False) as file:
            return _fault(file)
    finally:
        os.close(descriptor)


def _fault(file: BinaryIO) -> str | None:
    raw = file.read(_HEADER.size)
    if not raw.strip(b"\0"):
        return "its write-ahead log has lost its beginning" if file.read(1 << 16).strip(b"\0") else None
    if len(raw) < _HEADER.size:
        return "its write-ahead log is garbage" if not _MAGIC.startswith(raw[:3]) else None
    magic, _version, page, _turn, *rest = _HEADER.unpack(raw)
    little = magic == _LITTLE
    if magic not in (_LITTLE, _BIG):
        return "its write-ahead log is garbage"
    sums = (rest[2], rest[3])
    if _summed(raw[:24], (0, 0), little=little) != sums:
        return "the beginning of its write-ahead log was changed"
    return _broken(_frames(file, page=page), salts=(rest[0], rest[1]), sums=sums, little=little)


_MAGIC = _LITTLE.to_bytes(4, "big")


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """`commits`: it is the last of its transaction, by its own header; `covered`: what its checksum is over."""

    commits: bool
    salts: Sums
    sums: Sums
    covered: bytes


def _frames(file: BinaryIO, *, page: int) -> Iterator[_Frame]:
    size = _FRAME.size + page
    for _ in range(_LARGEST // size):
        raw = file.read(size)
        if len(raw) < size:
            return
        _page, pages, one, two, first, second = _FRAME.unpack_from(raw)
        yield _Frame(
            commits=pages != 0, salts=(one, two), sums=(first, second), covered=raw[:_SUMMED] + raw[_FRAME.size :]
        )


def _broken(frames: Iterator[_Frame], *, salts: Sums, sums: Sums, little: bool) -> str | None:
    """Whether a later transaction follows upon a frame that does not fit. `sums`: the checksum that the first frame goes on from."""
    number, broken, committed = 0, 0, False
    says = counts = sums  # the checksum that the frame before carries, and the one that it should
    for number, frame in enumerate(frames, 1):
        before, counts = counts, _summed(frame.covered, says, little=little)
        fits = frame.salts == salts and counts == frame.sums
        if broken and not fits and frame.salts == salts and before != says:
            fits = _summed(frame.covered, before, little=little) == frame.sums
        if fits and committed:
            return f"frame {broken} of its write-ahead log was changed after it was written"
        broken = broken or (0 if fits else number)
        committed = bool(broken) and frame.commits
        says = frame.sums
    return None


def _summed(content: bytes, sums: Sums, *, little: bool) -> Sums:
    """SQLite's checksum, gone on from `sums`. `little`: how the log's words are to be read."""
    words = array("I", content)
    if little != (sys.byteorder == "little"):
        words.byteswap()
    first, second = sums
    values = iter(words)
    for even, odd in zip(values, values, strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
