"""Large image files that are mostly holes: copied and compared by what is in them, not by their length."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 20


def copy_range(source: Path, target: Path, *, start: int, size: int, at: int = 0) -> None:
    """Copy `size` bytes from `start` on into `target` at `at`; holes are left out. `target` is made if need be."""
    with source.open("rb") as old, target.open("ab"), target.open("r+b") as new:
        new.truncate(max(at + size, target.stat().st_size))
        for offset, length in _data(old.fileno(), start=start, end=start + size):
            old.seek(offset)
            new.seek(at + offset - start)
            new.write(old.read(length))


def copy_image(source: Path, target: Path) -> Path:
    """Copy a whole image and return the copy, which must not exist."""
    copy_range(source, target, start=0, size=source.stat().st_size)
    return target


def changed_sectors(before: Path, after: Path, *, sector: int) -> Iterator[int]:
    """The offset of each sector in which two images of one length differ."""
    size = before.stat().st_size
    with before.open("rb") as old, after.open("rb") as new:
        blocks: set[int] = set()
        for file in (old, new):
            for offset, length in _data(file.fileno(), start=0, end=size):
                blocks.update(range(offset // BLOCK * BLOCK, offset + length, BLOCK))
        for block in sorted(blocks):
            was, now = os.pread(old.fileno(), BLOCK, block), os.pread(new.fileno(), BLOCK, block)
            if was != now:
                for offset in range(0, len(was), sector):
                    if was[offset : offset + sector] != now[offset : offset + sector]:
                        yield block + offset


def _data(file: int, *, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each piece of data between `start` and `end`, none longer than BLOCK."""
    offset = start
    while offset < end:
        try:
            offset = os.lseek(file, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            raise
        stop = min(os.lseek(file, offset, os.SEEK_HOLE), end)
        while offset < stop:
            length = min(BLOCK, stop - offset)
            yield offset, length
            offset += length
