"""Everything that leaves through a store's sockets, counted against the one limit, and kept from leaving at once.

Why: what waits in a socket's buffer while the line stands still leaves at the line's speed once it goes on, whatever the bucket said when it was
put there. So while there is a limit the kernel is told of it: it sends each connection's bytes at most a little faster than that
(SO_MAX_PACING_RATE), and takes no more of them ahead than a slice (TCP_NOTSENT_LOWAT). Without one it takes no more than a block ahead: what it
took leaves after a limit was set, past that limit. Both are hints: a kernel without them loses smoothness, not the limit.

What is counted is what is handed to the socket: heads and bodies of requests. TLS adds about 0.2 %, TCP and IP 3 to 5 %.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import weakref
from types import SimpleNamespace

import aiohttp

from ingest.store.throttle import Bucket

_SO_MAX_PACING_RATE = 47  # asm-generic/socket.h; Python has no name for it
_NO_PACING = 0xFFFF_FFFF
_PACED_AT = 1.05  # of the limit: the bucket says how much goes, the kernel only that it does not go at once
_AHEAD = 0.005  # seconds at the limit
_LEAST_AHEAD = 16 << 10
_MOST_AHEAD = 128 << 10  # also without a limit: the next one holds for what was not taken yet


class Outgoing:
    """The sockets of one store, and the bucket that their bytes are charged to."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        bucket.subscribe(self.follow)

    def opened(self, sock: socket.socket) -> None:
        """A new connection of the store's."""
        self._sockets.add(sock)
        self._hold(sock)

    def follow(self) -> None:
        """The limit is another one."""
        for sock in list(self._sockets):
            self._hold(sock)

    def _hold(self, sock: socket.socket) -> None:
        bucket = self._bucket
        rate = None if bucket.bypass else bucket.rate  # the same connections carry what does not wait
        pace = _NO_PACING if rate is None else min(_NO_PACING, int(rate * _PACED_AT))
        ahead = _MOST_AHEAD if rate is None else min(_MOST_AHEAD, max(_LEAST_AHEAD, int(rate * _AHEAD)))
        with contextlib.suppress(OSError):  # closed, or a kernel that does not know it
            sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, pace.to_bytes(4, sys.byteorder))  # unsigned
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, ahead)

    def trace(self) -> aiohttp.TraceConfig:
        """Tells the bucket of every head and every block of a body."""
        trace = aiohttp.TraceConfig()

        async def head(
            _session: aiohttp.ClientSession, _moment: SimpleNamespace, what: aiohttp.TraceRequestHeadersSentParams
        ) -> None:
            fields = sum(len(name) + len(value) + 4 for name, value in what.headers.items())
            self._bucket.sent(len(what.method) + len(what.url.raw_path_qs) + fields + 14)

        async def block(
            _session: aiohttp.ClientSession, _moment: SimpleNamespace, what: aiohttp.TraceRequestChunkSentParams
        ) -> None:
            self._bucket.sent(len(what.chunk))

        trace.on_request_headers_sent.append(head)
        trace.on_request_chunk_sent.append(block)
        return trace
