"""The outermost boxes of an MP4 file (ISO/IEC 14496-12, section 4.2), as far as trials need them.

Why it exists: trials make many different playable files from few clips, and cut some as a flat battery would; both need
to know where a file's boxes are, and the second kind of test needs it without a video decoder. Rules kept here: no
box is read into memory; a file that ends in the middle of a box is an error that says where.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
USERTYPE_BYTES = 16
_LARGEST_32_BIT = 2**32 - 1


class BrokenFileError(ValueError):
    """The file does not consist of whole boxes; the message says which one is cut and where."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """One box: its four-letter type, and where it begins, where its content begins, and where it ends, in bytes."""

    type: str
    begin: int
    content: int
    end: int


def outermost_boxes(path: Path) -> tuple[Box, ...]:
    """The boxes of the file `path`, in order. Raises BrokenFileError, OSError."""
    boxes: list[Box] = []
    length = path.stat().st_size
    with path.open("rb") as file:
        begin = 0
        while begin < length:
            file.seek(begin)
            box = _box_at(begin, header=file.read(LARGE_HEADER_BYTES), length=length)
            if box.end > length:
                raise BrokenFileError(
                    f"{path}: box {box.type!r} at byte {begin} ends at {box.end}, the file at {length}"
                )
            boxes.append(box)
            begin = box.end
    return tuple(boxes)


def _box_at(begin: int, *, header: bytes, length: int) -> Box:
    if len(header) < HEADER_BYTES:
        raise BrokenFileError(f"only {len(header)} bytes of a box header at byte {begin}")
    size, kind = struct.unpack(">I4s", header[:HEADER_BYTES])
    content = HEADER_BYTES
    if size == 0:  # up to the end of the file
        size = length - begin
    elif size == 1:
        if len(header) < LARGE_HEADER_BYTES:
            raise BrokenFileError(f"only {len(header)} bytes of a box header at byte {begin}")
        (size,) = struct.unpack(">Q", header[HEADER_BYTES:])
        content = LARGE_HEADER_BYTES
    if size < content:
        raise BrokenFileError(f"box {kind!r} at byte {begin} says that it is {size} bytes long")
    return Box(type=kind.decode("latin-1"), begin=begin, content=begin + content, end=begin + size)


def user_box_header(*, usertype: bytes, total: int) -> bytes:
    """The header of a `uuid` box that is `total` bytes long with its header. Raises ValueError where that is too short."""
    if len(usertype) != USERTYPE_BYTES:
        raise ValueError(f"a usertype has {USERTYPE_BYTES} bytes, not {len(usertype)}")
    if total > _LARGEST_32_BIT:
        header = struct.pack(">I4sQ", 1, b"uuid", total) + usertype
    else:
        header = struct.pack(">I4s", max(total, 0), b"uuid") + usertype
    if total < len(header):
        raise ValueError(f"a uuid box is at least {len(header)} bytes long, not {total}")
    return header
