"""How far an upload is durable on the share, kept beside it: what is asked at every resume.

Two records of a sector each, written in turn after the bytes that they speak of are synced; the valid one with the higher number counts. So
neither a torn write nor a server that falls over takes the last one away, and bytes that were never synced are never counted.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass, replace

_SECTOR = 512
_RECORD = re.compile(rb"dockd-upload 1 (\d{1,15}) (\d{1,19}) ([0-9a-f]{64}) (\d{1,19}) ")


@dataclass(frozen=True, kw_only=True)
class Journal:
    """`size` and `sha256` of the whole segment, and how many of its bytes are `durable`; `number` of the record."""

    size: int
    sha256: str
    durable: int = 0
    number: int = 0

    def write(self, fd: int, *, durable: int) -> Journal:
        """The next record, synced. Raises OSError."""
        made = replace(self, durable=durable, number=self.number + 1)
        body = b"dockd-upload 1 %d %d %s %d " % (made.number, made.size, made.sha256.encode("ascii"), durable)
        record = b"%s%08x\n" % (body, zlib.crc32(body))
        place = made.number % 2 * _SECTOR
        if os.pwrite(fd, record.ljust(_SECTOR - 1) + b"\n", place) != _SECTOR:
            raise OSError(28, "a record of 512 bytes was cut")
        os.fdatasync(fd)
        return made


def read(fd: int) -> Journal | None:
    """The last record that is whole; None where there is none. Raises OSError."""
    found = [_parsed(os.pread(fd, _SECTOR, place)) for place in (0, _SECTOR)]
    valid = [one for one in found if one is not None]
    return max(valid, key=lambda one: one.number, default=None)


def _parsed(sector: bytes) -> Journal | None:
    match = _RECORD.match(sector)
    if match is None or sector[match.end() : match.end() + 8] != b"%08x" % zlib.crc32(match[0]):
        return None
    number, size, durable = int(match[1]), int(match[2]), int(match[4])
    if durable > size:
        return None
    return Journal(size=size, sha256=match[3].decode("ascii"), durable=durable, number=number)
