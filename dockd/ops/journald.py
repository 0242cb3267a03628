"""The journal's native protocol: one datagram a record, a field a line, and a length before what has line ends in it.

Source: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. A record that is larger than a datagram goes as a sealed file in memory; a single field is cut at
48 KiB. Names: `dockd.bay` is DOCKD_BAY, and every other ECS name that the journal has no field of its own for is DOCKD_ and the name:
`event.sequence` is DOCKD_EVENT_SEQUENCE, `service.ephemeral_id` is DOCKD_SERVICE_EPHEMERAL_ID, `@timestamp` is DOCKD_TIMESTAMP.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import re
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOCKET = Path("/run/systemd/journal/socket")
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_NAMESPACE = uuid.UUID("6d9a1a52-3c1f-5c8e-9d0b-7f1f5a2f6c11")
_LARGEST_FIELD = 48 << 10
_OWN_FIELDS = frozenset(
    {"message", "log.level", "service.name", "host.name"}
)  # MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, _HOSTNAME
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def message_id(action: str) -> str:
    """The catalogue id of an event: the same on every dock, for ever."""
    return uuid.uuid5(_NAMESPACE, action).hex


def fields(record: Mapping[str, Any]) -> dict[str, str]:
    """An ECS record as journal fields.

    >>> fields({"message": "m", "log.level": "info", "event.action": "a", "dockd.bay": 3})["DOCKD_BAY"]
    '3'
    """
    said = {
        "MESSAGE": str(record.get("message", "")),
        "PRIORITY": str(_PRIORITY.get(str(record.get("log.level")), 6)),
        "SYSLOG_IDENTIFIER": "dockd",
        "MESSAGE_ID": message_id(str(record.get("event.action", ""))),
    }
    for key, value in record.items():
        if key not in _OWN_FIELDS:
            name = re.sub(r"[^A-Z0-9_]", "_", key.removeprefix("dockd.").removeprefix("@").upper())
            said[f"DOCKD_{name}"] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return said


def legible(text: str) -> str:
    """As `journalctl` shows it: what does not print is written out, for the whole field would be hidden as binary otherwise.

    >>> legible("a\\x00b\\x1b[31m")
    'a\\\\x00b\\\\x1b[31m'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def datagram(said: Mapping[str, str]) -> bytes:
    """Fields as the journal takes them."""
    found = bytearray()
    for name, text in said.items():
        value = legible(text).encode("utf-8", "backslashreplace")[:_LARGEST_FIELD]
        if b"\n" in value:
            found += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
        else:
            found += name.encode() + b"=" + value + b"\n"
    return bytes(found)


class Journal:
    """The journal as a sink. Raises OSError where it is not there, or does not take a record."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
            self._socket.connect(self._path)
        except OSError:
            self._socket.close()
            raise

    def send(self, record: Mapping[str, Any]) -> None:
        """One record. Raises OSError."""
        body = datagram(fields(record))
        try:
            self._socket.send(body)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_as_a_file(body)

    def _send_as_a_file(self, body: bytes) -> None:
        fd = os.memfd_create("dockd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(body)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            self._socket.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let go."""
        self._socket.close()
