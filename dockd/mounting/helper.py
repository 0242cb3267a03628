"""`dockd-mount`: root's part of dockd. It mounts cameras' volumes for the agent, and does nothing else.

    dockd-mount [--socket PATH] [--root PATH] [--user NAME]... [--group NAME]

It listens on a Unix socket (`dockd.mounting.wire` says what is spoken there), asks the kernel who is at the other end, and serves root and the
named users. What it does for whom is in `desk`, what it does to a device in `volume` and `devices`. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import queue
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dockd.mounting.desk import Desk, Limits, Peer
from dockd.mounting.devices import hangs_on_usb, lock_by_number
from dockd.mounting.ids import namespace_for
from dockd.mounting.journal import say
from dockd.mounting.passing_on import ClockWord
from dockd.mounting.places import Places, RootUnusable
from dockd.mounting.rights import give_up_the_rest
from dockd.mounting.starting import NoSuch, arguments_of, before_serving, group_of, said_of, users_of
from dockd.mounting.volume import leave
from dockd.mounting.wire import PROTOCOL, Garbage, Inbox, Message, encode

MOST_CONNECTIONS = 16
_READ = 64 << 10
_LEFTOVER_SECONDS = 15.0


class Connection:
    """One client. What is sent to it fits the socket's buffer, or it does not read and is dropped."""

    def __init__(self, peer_socket: socket.socket, peer: Peer) -> None:
        self.socket = peer_socket
        self.peer = peer
        self.inbox = Inbox()
        self.open = True

    def answer(self, message: Message) -> None:
        """Send, without waiting."""
        if not self.open:
            return
        data = encode(message)
        try:
            whole = self.socket.send(data, socket.MSG_NOSIGNAL) == len(data)
        except OSError:
            whole = False
        if not whole:  # its reading side ends with this, and then everything of it is unmounted
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


class Helper:
    """The loop: sockets, signals, and what lanes have done."""

    def __init__(
        self, *, listener: socket.socket, places: Places, users: dict[int, int | None], on_usb: Callable[[Path], bool],
        limits: Limits, clock: ClockWord,
    ) -> None:  # fmt: skip
        self._listener = listener
        self._clock = clock
        self._users = users
        self._selector = selectors.DefaultSelector()
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = 0.0
        self._limits = limits
        self._desk = Desk(places=places, post=self._post, on_usb=on_usb, ids=users, limits=limits)

    def serve(self) -> None:
        """Until SIGTERM or SIGINT, and then until everything is unmounted or its time is over."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        _notify("READY=1")
        while not (self._stopping and (self._desk.idle or time.monotonic() >= self._stopping)):
            waits = [self._clock.tick(), self._desk.tick()]
            if self._stopping:
                waits.append(max(0.0, self._stopping - time.monotonic()))
            wait = min(seconds for seconds in waits if seconds is not None)
            for key, _ in self._selector.select(wait):
                self._ready(key)

    def _ready(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif key.fileobj == self._wake_read:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            with contextlib.suppress(queue.Empty):
                while True:
                    self._posted.get_nowait()()
        else:
            self._read(key.data)

    def _post(self, work: Callable[[], None]) -> None:
        self._posted.put(work)
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._wake_write, b"\0")

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = time.monotonic() + self._limits.leave + self._limits.detach + 3
            self._post(self._desk.leave_all)

    def _accept(self) -> None:
        try:
            peer_socket, _ = self._listener.accept()
        except OSError:  # it has left again, or there are too many open files
            return
        peer_socket.setblocking(False)
        pid, uid, gid = struct.unpack("=iII", peer_socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        connection = Connection(peer_socket, Peer(pid=pid, uid=uid, gid=gid))
        refused = ""
        if self._stopping:
            refused = "the mount helper ends"
        elif uid != 0 and uid not in self._users:
            refused = f"the user {uid} may not speak to the mount helper; see its option --user"
        elif len(self._selector.get_map()) >= MOST_CONNECTIONS + 2:
            refused = f"{MOST_CONNECTIONS} programs speak to the mount helper already"
        if refused:
            say("peer_refused", refused, failed=True, pid=pid, uid=uid)
            connection.answer({"id": 0, "error": "MountRefused", "message": refused})
            peer_socket.close()
            return
        self._selector.register(peer_socket, selectors.EVENT_READ, connection)
        connection.answer({"id": 0, "ok": {"protocol": PROTOCOL}})

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            for message in connection.inbox.feed(data):
                self._desk.asked(connection, message)
        except Garbage as garbage:
            peer = connection.peer
            say("garbage", f"{garbage}: the connection is ended", failed=True, pid=peer.pid, uid=peer.uid)
            data = b""
        if not data:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        connection.open = False
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._desk.left(connection)


def clear_leftovers(places: Places) -> None:
    """Unmount what a helper that was killed has left, each in a thread of its own and in bounded time."""
    threads = []
    for folder, number in places.leftovers().items():
        threads.append(threading.Thread(target=_clear, args=(places, folder, number), daemon=True))
        threads[-1].start()
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    places.sweep()


def _clear(places: Places, folder: str, number: str) -> None:
    place = places.place(folder)
    try:
        leave(place)
        lock_by_number(number)
    except OSError as error:
        say("leftover", f"{place.path} cannot be unmounted: {error.strerror}", failed=True, folder=folder)
    else:
        say("leftover", f"{place.path} was left mounted by an earlier helper: unmounted", folder=folder)


def _listen(path: Path, *, group: int) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_socket():
        path.unlink()  # of an earlier helper: the lock on the root says that none runs
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    os.chown(path, 0, group, follow_symlinks=False)
    path.chmod(0o660)
    listener.listen(4 * MOST_CONNECTIONS)
    listener.setblocking(False)
    return listener


def _notify(state: str) -> None:
    """Tell systemd, where it started us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, contextlib.suppress(OSError):
            notify.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)


def _namespaces(users: Sequence[pwd.struct_passwd]) -> dict[int, int | None]:
    """A user namespace for each user, None where there can be none: then he reads of an ext4 only what everybody may."""
    found: dict[int, int | None] = {}
    for user in users:
        try:
            found[user.pw_uid] = namespace_for(user.pw_uid, user.pw_gid)
        except OSError as error:
            before_serving("ids", f"no user namespace for {user.pw_name}: ext4 cards cannot be emptied ({error})")
            found[user.pw_uid] = None
    return found


def run(
    words: Sequence[str] | None = None,
    *,
    on_usb: Callable[[Path], bool] = hangs_on_usb,
    limits: Limits | None = None,
) -> int:
    """Serve until a signal; the exit code. `on_usb`: the rule which devices are cameras'."""
    arguments = arguments_of(words)
    os.umask(0o022)
    try:
        users = users_of(arguments.user)
        group = group_of(arguments.group, users)
    except NoSuch as wrong:
        before_serving("not_started", str(wrong))
        return 2
    if os.geteuid() != 0:
        before_serving("not_started", "only root can mount: start it with sudo, or as a service (dockd-mount.service)")
        return 3
    try:
        places = Places(arguments.root)
        namespaces = _namespaces(users)  # before any thread
        give_up_the_rest()
        if places.is_seen_by_nobody():
            before_serving("namespace", "in a mount namespace of its own: the agent will not see what is mounted")
        clear_leftovers(places)
        listener = _listen(arguments.socket, group=group)
    except (RootUnusable, OSError) as error:
        before_serving("not_started", said_of(error))
        return 3
    say("start", f"listening at {arguments.socket}, mounting below {places.root}")
    helper = Helper(
        listener=listener, places=places, users=namespaces, on_usb=on_usb, limits=limits or Limits(),
        clock=ClockWord(arguments.socket.with_name("clock")),
    )  # fmt: skip
    helper.serve()
    with contextlib.suppress(OSError):
        arguments.socket.unlink()
    say("stop", "everything is unmounted" if not places.leftovers() else "some devices did not let go", failed=False)
    return 0


def main() -> None:
    """The command. It does not wait for threads that hang in the kernel."""
    code = run()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
