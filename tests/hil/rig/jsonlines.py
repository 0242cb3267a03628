"""JSON documents, one a line, over a Unix socket: what QEMU's monitor and the guest's channel both speak.

There is no reader thread: whoever waits for an answer reads, so nothing runs that a test does not see.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
LONGEST_LINE = 16 << 20


class PeerGone(ConnectionError):
    """The other end has closed the connection: the machine has ended."""


class JsonLines:
    """One connection; used from one thread."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        """Connect to the socket at `path`, which QEMU may still be making. Raises TimeoutError."""
        self._received = bytearray()
        deadline = time.monotonic() + timeout
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
                return
            except OSError as error:
                self._socket.close()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"nothing listens at {path}") from error
                time.sleep(0.02)

    def send(self, document: JsonObject) -> None:
        """Send one document. Raises PeerGone."""
        self._socket.settimeout(60)
        try:
            self._socket.sendall(json.dumps(document).encode() + b"\n")
        except OSError as error:
            raise PeerGone(f"could not send: {error}") from error

    def receive(self, *, deadline: float) -> JsonObject:
        """The next document. Raises TimeoutError at `deadline` (monotonic clock), PeerGone."""
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > LONGEST_LINE:
                raise PeerGone(f"a line of more than {LONGEST_LINE} bytes")
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                chunk = self._socket.recv(1 << 16)
            except TimeoutError:
                raise
            except OSError as error:
                raise PeerGone(str(error)) from error
            if not chunk:
                raise PeerGone("the connection was closed")
            self._received += chunk
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        document = json.loads(line)
        if not isinstance(document, dict):
            raise PeerGone(f"not a JSON object: {line[:200]!r}")
        return document

    def close(self) -> None:
        self._socket.close()
