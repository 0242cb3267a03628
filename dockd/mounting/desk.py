"""Who mounted what, and what of it is being done: all in one thread, which never waits for a device.

Each mount has a thread of its own for whatever its device may hang in, and each thing that is done has a deadline. A device that does
not answer by then is given up: its client is told that it is gone, it is taken out of sight, and unmounted whenever the kernel lets go of it.
Nobody else notices. Mounts belong to the connection that asked for them, and go with it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dockd.mounting.base import MountRefused
from dockd.mounting.journal import say
from dockd.mounting.places import Place, Places
from dockd.mounting.requests import ChangeAsked, MountAsked, number_of, request_of
from dockd.mounting.volume import Volume, detach
from dockd.mounting.wire import Message
from ingest.errors import CameraGone, DockdError

MOST_MOUNTS = 256
MOST_REQUESTS = 1024  # under way at once, of all clients
MOST_WORDS = 1000  # characters of a message


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds. `work`: for one request; a slow card takes a minute to be mounted. `leave`: to unmount before it is taken out of sight.

    `occupied`: how long a request waits for a place whose last mount is on its way out.
    """

    work: float = 90.0
    leave: float = 20.0
    occupied: float = 5.0
    detach: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Who is at the other end of a connection, as the kernel says."""

    pid: int
    uid: int
    gid: int


class Client(Protocol):
    """A connection. `answer` never waits."""

    peer: Peer

    def answer(self, message: Message) -> None: ...


@dataclass(eq=False, kw_only=True)
class _Mount:
    """A mount, from the moment it is asked for until its device has let go."""

    volume: Volume
    place: Place
    owner: Client
    lane: ThreadPoolExecutor
    leaving: bool = False
    out_of_sight: bool = False


@dataclass(eq=False, kw_only=True)
class _Job:
    """One thing that is done for a mount. `request` is 0 where nobody waits for it."""

    mount: _Mount
    op: str
    request: int
    deadline: float
    started: float = field(default_factory=time.monotonic)


class Desk:
    """Takes requests and answers them. `post` lets a function run in this thread; `on_usb` is the rule which devices are cameras'."""

    def __init__(
        self, *, places: Places, post: Callable[[Callable[[], None]], None], on_usb: Callable[[Path], bool],
        ids: Mapping[int, int | None], limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self._places = places
        self._post = post
        self._on_usb = on_usb
        self._ids = ids
        self._limits = limits or Limits()
        self._mounts: dict[str, _Mount] = {}
        self._jobs: list[_Job] = []
        self._queued: list[tuple[Client, MountAsked, float]] = []
        self._closing = False

    @property
    def idle(self) -> bool:
        """Whether nothing is mounted any more, nor being unmounted."""
        return not self._mounts

    def asked(self, client: Client, message: Message) -> None:
        """Begin what is asked; the answer comes when it is done. Raises Garbage."""
        number = number_of(message)
        try:
            request = request_of(message)
            if len(self._jobs) + len(self._queued) >= MOST_REQUESTS:
                raise MountRefused(f"{MOST_REQUESTS} requests are under way already")
            if isinstance(request, MountAsked):
                self._mount(client, request, until=time.monotonic() + self._limits.occupied)
            else:
                self._change(client, request)
        except DockdError as error:
            say("refused", error.message, failed=True, pid=client.peer.pid, uid=client.peer.uid)
            client.answer(_failure(number, error))

    def left(self, client: Client) -> None:
        """A connection ended: everything of it is unmounted."""
        self._queued = [one for one in self._queued if one[0] is not client]
        for mount in list(self._mounts.values()):
            if mount.owner is client:
                self._condemn(mount)

    def leave_all(self) -> None:
        """The helper ends: unmount everything."""
        self._closing = True
        self._queued.clear()
        for mount in list(self._mounts.values()):
            self._condemn(mount)

    def tick(self) -> float | None:
        """Look at deadlines; seconds until this is wanted again, or None."""
        now = time.monotonic()
        for job in [job for job in self._jobs if now >= job.deadline]:
            self._expired(job)
        queued, self._queued = self._queued, []
        for client, request, until in queued:
            try:
                self._mount(client, request, until=until)
            except DockdError as error:
                client.answer(_failure(request.id, error))
        soonest = min((job.deadline for job in self._jobs), default=None)
        waits = [0.1] if self._queued else []
        waits += [] if soonest is None else [max(0.0, soonest - time.monotonic())]
        return min(waits, default=None)

    # -- requests ------------------------------------------------------------------------------------------------------

    def _mount(self, client: Client, asked: MountAsked, *, until: float) -> None:
        if self._closing:
            raise MountRefused("the mount helper ends")
        occupied = self._occupied(asked.folder, device=asked.device)
        for mount in occupied:
            if not mount.leaving:
                raise MountRefused(f"{asked.folder} is in use: {mount.volume.name} is mounted at {mount.place.path}")
        if occupied and time.monotonic() < until:
            self._queued.append((client, asked, until))
            return
        if len(self._mounts) >= MOST_MOUNTS:
            raise MountRefused(f"{MOST_MOUNTS} volumes are mounted; more are not")
        place = self._places.make(self._free(asked.folder))
        volume = Volume(
            name=asked.device, diskseq=asked.diskseq, filesystem=asked.filesystem, place=place, uid=client.peer.uid,
            gid=client.peer.gid, on_usb=self._on_usb, ids=self._ids.get(client.peer.uid),
        )  # fmt: skip
        lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix=place.folder, initializer=_no_signals)
        mount = self._mounts[place.path] = _Mount(volume=volume, place=place, owner=client, lane=lane)
        self._begin(mount, "mount", volume.mount, request=asked.id, seconds=self._limits.work)

    def _occupied(self, folder: str, *, device: str = "") -> list[_Mount]:
        """The mounts at this place, around it, or within it, and those of this device."""
        return [
            mount
            for mount in self._mounts.values()
            if f"{folder}/".startswith(f"{mount.place.folder}/")
            or mount.place.folder.startswith(f"{folder}/")
            or mount.volume.name == device
        ]

    def _free(self, folder: str) -> str:
        """The folder itself, or one beside it where the device of an earlier mount hangs and does not let go of it."""
        first, slash, rest = folder.partition("/")
        candidates = (folder, *(f"{first}~{number}{slash}{rest}" for number in range(2, 10)))
        for candidate in candidates:
            if not self._occupied(candidate):
                return candidate
        raise MountRefused(
            f"earlier mounts at {folder} hang and cannot be let go: unplug their devices, or restart the machine"
        )

    def _change(self, client: Client, asked: ChangeAsked) -> None:
        mount = self._mounts.get(asked.mount)
        if mount is None and asked.op == "unmount":
            client.answer({"id": asked.id, "ok": {}})
            return
        if mount is None or mount.owner is not client:
            raise MountRefused(f"{asked.mount[:200]!r} is not one of your mounts")
        if asked.op == "unmount":
            mount.leaving = True
            self._begin(mount, "unmount", mount.volume.unmount, request=asked.id, seconds=self._limits.leave)
            return
        if mount.leaving:
            raise CameraGone(f"{mount.volume.name} is being unmounted")
        work = mount.volume.writable if asked.op == "writable" else mount.volume.fresh
        self._begin(mount, asked.op, work, request=asked.id, seconds=self._limits.work)

    def _condemn(self, mount: _Mount) -> None:
        if not mount.leaving:
            mount.leaving = True
            self._begin(mount, "unmount", mount.volume.unmount, request=0, seconds=self._limits.leave)

    # -- work ----------------------------------------------------------------------------------------------------------

    def _begin(self, mount: _Mount, op: str, work: Callable[[], None], *, request: int, seconds: float) -> None:
        job = _Job(mount=mount, op=op, request=request, deadline=time.monotonic() + seconds)
        self._jobs.append(job)
        future = mount.lane.submit(work)
        future.add_done_callback(lambda done: self._post(lambda: self._done(job, done)))

    def _done(self, job: _Job, future: Future[None]) -> None:
        mount, error = job.mount, _plain(future.exception())
        self._tell(job, error)
        if job.op == "unmount" or (job.op == "mount" and error is not None and not mount.leaving):
            self._forget(mount)
        if job in self._jobs:
            self._jobs.remove(job)
            self._answer(job, error)

    def _answer(self, job: _Job, error: DockdError | None) -> None:
        if not job.request:
            return
        if error is not None:
            job.mount.owner.answer(_failure(job.request, error))
        else:
            ok = {"mount": job.mount.place.path} if job.op == "mount" else {}
            job.mount.owner.answer({"id": job.request, "ok": ok})

    def _expired(self, job: _Job) -> None:
        mount = job.mount
        if job.op != "unmount":
            self._jobs.remove(job)
            late = CameraGone(f"{mount.volume.name} does not answer: given up; it is unmounted as soon as it lets go")
            self._tell(job, late)
            self._answer(job, late)
            self._condemn(mount)
        elif not mount.out_of_sight:
            mount.out_of_sight = True
            job.deadline = time.monotonic() + self._limits.detach
            threading.Thread(target=_take_out_of_sight, args=(mount.place,), daemon=True).start()
        else:
            self._jobs.remove(job)
            still = self._places.is_mounted(mount.place.folder)
            late = CameraGone(f"{mount.volume.name} does not answer, and cannot be unmounted")
            hangs = "is out of sight, and its device has not let go yet"
            say("late", f"{mount.volume.name} {hangs}" if not still else late.message, failed=True)
            self._answer(job, late if still else None)

    def _forget(self, mount: _Mount) -> None:
        if self._mounts.get(mount.place.path) is mount:
            del self._mounts[mount.place.path]
            mount.lane.shutdown(wait=False)
            self._places.remove(mount.place.folder)

    def _tell(self, job: _Job, error: DockdError | None) -> None:
        mount = job.mount
        words = f"{job.op} {mount.volume.name} at {mount.place.path}: {error.message if error else 'done'}"
        say(
            job.op, words, failed=error is not None, device=mount.volume.name, folder=mount.place.folder,
            uid=mount.owner.peer.uid, pid=mount.owner.peer.pid, seconds=round(time.monotonic() - job.started, 3),
        )  # fmt: skip


def _failure(number: int, error: DockdError) -> Message:
    return {"id": number, "error": type(error).__name__, "message": error.message[:MOST_WORDS]}


def _plain(error: BaseException | None) -> DockdError | None:
    """What a lane raised, for the client. What nobody foresaw is told with its kind, and counts as a device that fails."""
    if error is None or isinstance(error, DockdError):
        return error
    return CameraGone(f"the mount helper failed at it: {type(error).__name__}: {error}")


def _take_out_of_sight(place: Place) -> None:
    _no_signals()
    try:
        detach(place)
    except OSError as error:
        say("late", f"{place.path} cannot be detached: {error.strerror}", failed=True)


def _no_signals() -> None:
    # They are for the main thread, and must not cut short what a lane does in the kernel.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
