"""How the agent and the mount helper speak: JSON objects, each preceded by its length as four bytes, big-endian.

Both ends hold the other for hostile: a message is bounded, a length beyond that is garbage before its bytes have come, and
garbage ends the connection. No I/O here: bytes in, messages out.

The helper speaks first: `{"id": 0, "ok": {"protocol": 1}}`, or an error, and then the connection ends. Requests

    {"id": 7, "op": "mount", "device": "/dev/sdb1", "diskseq": 12, "filesystem": "vfat", "folder": "bay-3/p1"}
    {"id": 8, "op": "writable" | "fresh" | "unmount", "mount": "/run/dockd/mnt/bay-3/p1"}

are answered, in any order, by `{"id": 7, "ok": {"mount": PATH}}` (`{}` for the others) or `{"id": 7, "error": CLASS, "message": WORDS}`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

PROTOCOL = 1
LIMIT = 8 << 10  # bytes of one message: two paths and some sentences
_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


class Garbage(Exception):
    """What came is no message: too long, no JSON object, or not what the protocol asks for."""


def encode(message: Message) -> bytes:
    """One message with its length before it. Raises Garbage where it would be too long."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(body) > LIMIT:
        raise Garbage(f"a message of {len(body)} bytes; at most {LIMIT} are allowed")
    return _LENGTH.pack(len(body)) + body


class Inbox:
    """Cuts a stream of bytes into messages, wherever it was cut on the way."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes. Raises Garbage, behind the messages that came before it."""
        self._waiting += data
        while len(self._waiting) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._waiting)
            if length > LIMIT:
                raise Garbage(f"a message of {length} bytes is announced; at most {LIMIT} are allowed")
            end = _LENGTH.size + length
            if len(self._waiting) < end:
                return
            body = bytes(self._waiting[_LENGTH.size : end])
            del self._waiting[:end]
            yield _decode(body)


def _decode(body: bytes) -> Message:
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Garbage(f"no JSON: {type(error).__name__}") from error
    if not isinstance(message, dict):
        raise Garbage(f"a JSON {type(message).__name__}, not an object")
    return message
