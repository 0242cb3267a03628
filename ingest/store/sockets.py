"""The sockets of a line, and whether anybody still answers at the other end.

Why: when a line dies without a word, TCP asks again after twice as long each time: after a minute's cut it may be another minute before it notices
that the line is back, while a new connection goes on at once. A store that is only slow is another matter, and is given its time: its
kernel answers. So each socket that waits for an acknowledgement is looked at every second, by what the kernel knows of it (TCP_INFO); one to which
nothing at all came back for `DEAF` seconds is ended, and what still waits in it is never sent: it would only go twice.
What a low limit holds back in the kernel leaves slowly, and nobody asks for more meanwhile: that moves, too, and whoever waits is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

DEAF = 15.0  # seconds without any answer of the other kernel's: by itself TCP asks after 0.2, 0.6, 1.4, 3, 6.2, 12.6 and 25.4
_LOOK = 1.0
_KEEPALIVE = 5  # seconds: so that there is something to be answered while only the store's word is waited for
_ESTABLISHED = 1
_INFO = struct.Struct(
    "=BxxB4xIIIII16xIIII60xQ16xI"
)  # of struct tcp_info: state, probes, ..., unacked, ..., last_ack_recv, bytes_acked, notsent


@dataclass(frozen=True)
class _Waiting:
    """Since when (monotonic seconds) nothing came after the acknowledgement of that moment."""

    acknowledged: float
    since: float


@dataclass(frozen=True)
class _Going:
    """How many bytes had arrived, and since when (monotonic seconds) there are no more of them."""

    arrived: int
    since: float


class Sockets:
    """`given_up`: seconds after which the kernel gives a socket up by itself; closing it would wait for ever. `stall`: nobody is deaf later."""

    def __init__(self, *, given_up: float, stall: float, deaf: float = DEAF) -> None:
        self._given_up = given_up
        self.deaf = min(deaf, stall)
        self._all: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._waiting: weakref.WeakKeyDictionary[socket.socket, _Waiting] = weakref.WeakKeyDictionary()
        self._going: weakref.WeakKeyDictionary[socket.socket, _Going] = weakref.WeakKeyDictionary()
        self._told: list[Callable[[float], None]] = []
        self._requests = 0
        self._next: asyncio.TimerHandle | None = None
        self._ended_at = float("-inf")

    def made(self, address: tuple[Any, ...]) -> socket.socket:
        """One more, for an address as getaddrinfo gives it."""
        made = socket.socket(*address[:3])
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._given_up * 1000))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE)
        self._all.add(made)
        return made

    @contextlib.contextmanager
    def watched(self, told: Callable[[float], None] | None = None) -> Iterator[None]:
        """While this lasts the sockets are looked at.

        `told` every second that something is under way: of all sockets with something to send, for how many seconds the stillest stood still.
        """
        self._requests += 1
        if told is not None:
            self._told.append(told)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_later(_LOOK, self._look)
        try:
            yield
        finally:
            self._requests -= 1
            if told is not None:
                self._told.remove(told)

    def just_ended(self) -> bool:
        """Whether one was ended in this moment."""
        return time.monotonic() - self._ended_at < _LOOK

    def close(self) -> None:
        """End them all, whatever is still on its way."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for left in self._all:
            with contextlib.suppress(OSError):
                left.shutdown(socket.SHUT_RDWR)

    def look(self, now: float) -> None:
        """End those that nobody answers any more, and tell how the others go on; `now` on time.monotonic's clock."""
        for each in list(self._all):
            if self._unanswered(each, now=now) >= self.deaf:
                self._ended_at = now
                _end(each)
        if self._going:
            stillest = max(now - going.since for going in self._going.values())
            for told in list(self._told):
                told(stillest)

    def _look(self) -> None:
        self._next = asyncio.get_running_loop().call_later(_LOOK, self._look) if self._requests else None
        self.look(time.monotonic())

    def _unanswered(self, sock: socket.socket, *, now: float) -> float:
        """Seconds for which something was sent and nothing at all came back."""
        try:
            state, probes, _, _, _, _, unacked, *_, last, arrived, unsent = _INFO.unpack(
                sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
            )
        except (OSError, struct.error):  # closed
            self._going.pop(sock, None)
            return 0.0
        self._moved(sock, arrived, now=now, waits=state == _ESTABLISHED and bool(unacked or probes or unsent))
        if state != _ESTABLISHED or not (unacked or probes):
            self._waiting.pop(sock, None)
            return 0.0
        acknowledged = now - last / 1000
        before = self._waiting.get(sock)
        if before is None or acknowledged > before.acknowledged + _LOOK / 10:
            self._waiting[sock] = _Waiting(acknowledged, now)
            return 0.0
        return now - before.since

    def _moved(self, sock: socket.socket, arrived: int, *, now: float, waits: bool) -> None:
        before = self._going.get(sock)
        if not waits:
            self._going.pop(sock, None)
        elif before is None or arrived != before.arrived:
            self._going[sock] = _Going(arrived, now)


def _end(sock: socket.socket) -> None:
    """Whoever works with it is told of its end; what waits in the kernel is thrown away."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RDWR)
