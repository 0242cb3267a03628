"""The line between a dock and its store: a TCP relay that can be cut, slow, deaf, or flip bits of what is sent."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

_PIECE = 64 << 10
_BODY = 16 << 10
"""A piece of what the dock sends that is as long as this is footage: no header is."""


class Line:
    """Listens on `url` and passes everything on to the store at `port`. `mode` may be changed at any time.

    pass; refuse (closes at once); reset (ends with RST in the middle); cut (ends in the middle); delay (half a second a piece); slow (64 KiB/s);
    deaf (takes everything and answers nothing); flip (one bit of three of ten long pieces on its way to the store).
    """

    def __init__(self, port: int, *, seed: int) -> None:
        self.mode = "pass"
        self.flipped = 0
        self._port = port
        self._chance = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def end_all(self, *, reset: bool = False) -> None:
        """End every connection as it is now."""
        with self._lock:
            ends = list(self._open)
        for end in ends:
            with contextlib.suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.close()
                else:
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_all()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._port), timeout=20)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._relay, args=(source, sink, up), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        try:
            while piece := source.recv(_PIECE):
                self._pass_on(piece, sink, up)
        except (OSError, ValueError):
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            with self._lock:
                self._open -= {source, sink}

    def _pass_on(self, piece: bytes, sink: socket.socket, up: bool) -> None:
        mode = self.mode
        while self.mode == "deaf":
            time.sleep(0.1)
        if mode == "delay":
            time.sleep(0.5)
        elif mode == "slow":
            time.sleep(len(piece) / (64 << 10))
        elif mode == "flip" and up and len(piece) >= _BODY and self._chance.random() < 0.3:
            at = self._chance.randrange(len(piece) - 4096) + 2048
            piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
            self.flipped += 1
        sink.sendall(piece)
