"""Bytes beside frames: a body that begins with 0 is a block of bytes, one that begins with 1 is the end of them; JSON begins with neither."""

from __future__ import annotations

import struct

from ingest.worker import frames

LARGEST = 1 << 20
_LENGTH = struct.Struct(">I")
_BYTES, _END = 0, 1
END = _LENGTH.pack(1) + bytes([_END])
"""No more blocks come."""


def encoded(block: bytes) -> bytes:
    """A block as it goes through a pipe; at most `LARGEST` bytes."""
    return b"".join((_LENGTH.pack(len(block) + 1), bytes([_BYTES]), block))


def is_block(body: bytes) -> bool:
    """Whether it is bytes, and no frame."""
    return body[:1] == bytes([_BYTES])


def bytes_of(body: bytes) -> memoryview:
    """The bytes of a block. Raises Nonsense."""
    if not is_block(body):
        raise frames.Nonsense("a frame came where bytes were to come")
    return memoryview(body)[1:]


def is_end(body: bytes) -> bool:
    """Whether no more bytes come."""
    return body == bytes([_END])
