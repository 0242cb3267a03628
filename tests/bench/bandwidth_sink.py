"""The far side of the bandwidth bench: takes PUT and PATCH, answers when the body is whole, and writes down how much came when.

A process of its own, so that what it measures is what arrived, not what the sender meant to send: `python -m tests.bench.bandwidth_sink FILE`
prints its port, and at the end of its standard input writes one `seconds bytes` line for each read to FILE.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_NOT_THERE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Peer:
    """One connection, in the middle of a head or of a body."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self.left = 0

    def took(self, data: bytes) -> None:
        """Answer what is whole."""
        while data:
            if self.left:
                part = min(self.left, len(data))
                self.left -= part
                data = data[part:]
                if not self.left:
                    self.sock.sendall(_OK)
                continue
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return
            self.head = b""
            found = _LENGTH.search(head + b"\r\n")
            self.left = int(found[1]) if found else 0
            if b"100-continue" in head:
                self.sock.sendall(_CONTINUE)
            if not self.left:
                self.sock.sendall(_NOT_THERE if head.startswith(b"PROPFIND") else _OK)


def main() -> None:
    came: list[tuple[float, int]] = []
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    watch = selectors.DefaultSelector()
    watch.register(listening, selectors.EVENT_READ)
    watch.register(sys.stdin, selectors.EVENT_READ)
    print(listening.getsockname()[1], flush=True)
    while True:
        for key, _events in watch.select():
            if key.fileobj is sys.stdin:
                Path(sys.argv[1]).write_text("".join(f"{moment:.6f} {size}\n" for moment, size in came))
                return
            if key.fileobj is listening:
                sock, _address = listening.accept()
                watch.register(sock, selectors.EVENT_READ, Peer(sock))
                continue
            _read(watch, key.data, came)


def _read(watch: selectors.BaseSelector, peer: Peer, came: list[tuple[float, int]]) -> None:
    try:
        data = peer.sock.recv(1 << 20)
        came.append((time.monotonic(), len(data)))
        peer.took(data)
    except OSError:
        data = b""
    if not data:
        watch.unregister(peer.sock)
        peer.sock.close()


if __name__ == "__main__":
    main()
