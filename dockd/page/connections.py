"""Who is connected to the page, and how many: each connection costs a descriptor, and the intake of footage needs those too.

Rules kept here: all connections together take no more than a quarter of the descriptors that the agent may have, and one address (of IPv6 one network)
no more than three eighths of those, so that nobody keeps the rest out; what is more is closed as soon as it comes, before anything is read of it; a
TLS handshake takes ten seconds at most; where there is no descriptor left nothing is taken for a second, and neither that nor what was closed is said
more than once a minute. As whom the page is served is asked anew for each connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable

from dockd.access.limits import near

Context = Callable[[], ssl.SSLContext]
MOST = 512
_SHARE_OF_ALL = 4
_HANDSHAKE = 10.0
_SHUTDOWN = 5.0
_REST = 1.0
_AT_ONCE = 32
_SAID_EVERY = 60.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_FOR_THE_AGENT = 16384
_log = logging.getLogger(__name__)


def raise_the_limit() -> None:
    """Let this process have as many descriptors as the system lets it have; a low limit of before stays where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FOR_THE_AGENT if hard == resource.RLIM_INFINITY else min(hard, _FOR_THE_AGENT)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_now() -> int:
    """How many connections the page may have, of the descriptors that this process may have now."""
    return max(8, min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE_OF_ALL))


class Connections:
    """Takes connections on `sock` and gives each to a protocol of `serve`. `most`: how many there may be; `tls`: with which context, now;
    `rest`: seconds until one is taken again where there was no descriptor for it."""

    def __init__(
        self, sock: socket.socket, serve: Callable[[], asyncio.Protocol], *, tls: Context | None = None, most: Callable[[], int] = most_now, rest: float = _REST,
    ) -> None:  # fmt: skip
        self._sock = sock
        self._serve = serve
        self._tls = tls
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._rest = rest
        self._resting: asyncio.TimerHandle | None = None
        self._held: dict[socket.socket, str] = {}
        self._beginning: set[asyncio.Task[None]] = set()
        self._closed = 0
        self._said_at: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Take them while the body runs; those that there are then stay."""
        self._listen()
        try:
            yield
        finally:
            if self._resting is not None:
                self._resting.cancel()
            self._loop.remove_reader(self._sock)
            self._sock.close()
            for task in self._beginning:
                task.cancel()
            if self._beginning:
                await asyncio.wait(self._beginning)

    def _listen(self) -> None:
        self._loop.add_reader(self._sock, self._take)

    def _take(self) -> None:
        """What waits, and no more at once than leaves the others their turn."""
        for _ in range(_AT_ONCE):
            try:
                conn, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._say("room", f"no connection can be taken: {error.strerror}; it is tried every second")
                    self._loop.remove_reader(self._sock)
                    self._resting = self._loop.call_later(self._rest, self._listen)
                    return
                continue  # who wished to come has left
            self._see(conn, place=near(str(peer[0]).partition("%")[0]))

    def _see(self, conn: socket.socket, *, place: str) -> None:
        """Let it in, if there is room."""
        if not self._has_room(place):
            conn.close()
            self._closed += 1
            if self._say("many", f"there were too many connections; closed since this was last said: {self._closed}, the last from {place}"):  # fmt: skip
                self._closed = 0
            return
        conn.setblocking(False)
        self._held[conn] = place
        task = self._loop.create_task(self._begin(conn))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _has_room(self, place: str) -> bool:
        self._held = {conn: at for conn, at in self._held.items() if conn.fileno() >= 0}
        most = self._most()
        return len(self._held) < most and Counter(self._held.values())[place] < most * 3 // 8

    async def _begin(self, conn: socket.socket) -> None:
        try:
            if self._tls is None:
                await self._loop.connect_accepted_socket(self._serve, conn)
            else:
                await self._loop.connect_accepted_socket(
                    self._serve, conn, ssl=self._tls(), ssl_handshake_timeout=_HANDSHAKE, ssl_shutdown_timeout=_SHUTDOWN
                )
        except OSError:
            conn.close()  # it has left, or speaks no TLS: nobody's concern
        except BaseException:
            conn.close()
            raise

    def _say(self, what: str, text: str) -> bool:
        now = self._loop.time()
        if now - self._said_at.get(what, -_SAID_EVERY) < _SAID_EVERY:
            return False
        self._said_at[what] = now
        _log.warning("%s", text)
        return True
