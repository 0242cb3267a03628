"""Is a spool copy still what was pulled? Read again, whole, from the disk, before a byte of it goes anywhere.

Rules kept here: only a regular file of ours, opened without following a link, is ever read; the bytes come past the page cache where the
filesystem lets them, into buffers that are used again and again; one copy at a time, in threads, given up between two buffers; what was read
is what is sent, for the descriptor stays open (docs/decisions/0018). A copy counts as bad only after two reads of it that both differ, and
what is said of it names the very file that was read: another one may have its name by the time that anybody acts on it. A disk that gives errors
is another thing than a copy that went bad, and so is a folder whose disk is not mounted.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from ingest.errors import IntegrityFailed, Retry
from ingest.model import Digest, Parts, Span
from ingest.spool import Spool
from ingest.worker.arena import Arena
from ingest.worker.pipeline import Fingerprint, SourceChanged, fingerprint

_PIECE = 4 << 20
BELIEVED = 600.0  # seconds that a reading is good for, while the file looks the same
_BAD_DISK = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA})
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR})
_NOT_A_FILE = frozenset({errno.ELOOP, errno.ENXIO})  # a link, a socket
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}  # fmt: skip
Look = tuple[int, int, int, int, int]
FileId = tuple[int, int]  # device and inode
T = TypeVar("T")


class SpoolCopyBad(IntegrityFailed):
    """A spool copy is not what was pulled. `file`: which one was looked at; None: nothing had its name."""

    def __init__(self, message: str, *, file: FileId | None) -> None:
        super().__init__(message)
        self.file = file


class SpoolUnread(Retry):
    """The spool's copy could not be read just now: is it still what was pulled?"""

    reason = "spool_unread"


class SpoolDiskFailed(SpoolUnread):
    """The dock's disk gives errors where this copy lies."""


class Rereading:
    """Reads copies of one spool again. `believed`: seconds for which a reading is good."""

    def __init__(self, spool: Spool, *, believed: float = BELIEVED) -> None:
        self._spool = spool
        self._believed = believed
        self._arena = Arena(buffers=3)  # mapped, and touched only when a large copy is read
        self._turn = asyncio.Lock()
        self._sound: dict[str, tuple[Look, float]] = {}
        self.unread: dict[str, str] = {}  # of which it is not known now whether they are what was pulled, and why
        self.changed: Callable[[], None] = _nobody

    @contextlib.asynccontextmanager
    async def of(self, segment: str, digest: Digest) -> AsyncIterator[SpoolCopy]:
        """A segment's spool copy, open. Raises SpoolCopyBad (it is not there, or not whole), SpoolUnread."""
        try:
            fd = await _in_thread(partial(self._open, segment, digest.size), undo=os.close)
            try:
                yield SpoolCopy(rereading=self, segment=segment, digest=digest, fd=fd)
            finally:
                os.close(fd)
        except SpoolUnread as error:
            self.doubt(segment, error.message)
            raise

    def forget(self, segment: str) -> None:
        """It is proven, or gone."""
        self._sound.pop(segment, None)
        self.settled(segment)

    def doubt(self, segment: str, why: str) -> None:
        """It could not be read: until it was, is proven or gone, nobody may count on it."""
        if self.unread.get(segment) != why:
            self.unread[segment] = why
            self.changed()

    def settled(self, segment: str) -> None:
        """It can be counted on, or is another one's business."""
        if self.unread.pop(segment, None) is not None:
            self.changed()

    def believes(self, segment: str, look: Look) -> bool:
        """Whether it was read a short while ago, and has not been touched since."""
        seen, moment = self._sound.get(segment, ((), 0.0))
        return seen == look and time.monotonic() - moment < self._believed

    def believe(self, segment: str, look: Look) -> None:
        """It was read, and is what was pulled."""
        self._sound[segment] = look, time.monotonic()
        self.settled(segment)

    async def read(self, fd: int, *, size: int, sha256: bool, part_size: int | None = None) -> Fingerprint:
        """Read it whole; `part_size`: with digests of its parts. Raises SpoolCopyBad (another size), SpoolUnread."""
        stop = threading.Event()
        reading = partial(
            fingerprint,
            source=fd,
            expected_size=size,
            arena=self._arena,
            sha256=sha256,
            part_size=part_size,
            stop=stop.is_set,
        )
        try:
            async with self._turn:
                return await _in_thread(reading, stop=stop)
        except SourceChanged as error:
            message = f"its spool file has {error.found} bytes, {error.expected} were pulled"
            raise SpoolCopyBad(message, file=file_id(os.fstat(fd))) from error
        except OSError as error:
            raise unread(error) from error

    def _open(self, segment: str, size: int) -> int:
        try:
            fd = _opened(os.fspath(self._spool.file(segment)))
        except OSError as error:
            raise self._not_opened(segment, error) from error
        try:
            self._is_ours(os.fstat(fd), size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _not_opened(self, segment: str, error: OSError) -> SpoolCopyBad | SpoolUnread:
        """What it means that it cannot be opened: nothing has the name, or something that is no file."""
        if error.errno not in _NOT_A_FILE | _NOT_THERE:
            return unread(error)
        if not self._spool.in_place():
            return SpoolUnread(self._spool.elsewhere)
        if error.errno in _NOT_THERE:
            return SpoolCopyBad(f"its spool file cannot be read: {error.strerror}", file=None)
        try:
            seen = os.lstat(self._spool.file(segment))
        except OSError as gone:
            return unread(gone)
        if stat.S_ISREG(seen.st_mode):  # it is another thing by now than what could not be opened
            return unread(error)
        kind = "a symbolic link now, and is not followed" if stat.S_ISLNK(seen.st_mode) else "a socket now"
        return SpoolCopyBad(f"its spool file is {kind}{_WHO}", file=file_id(seen))

    def _is_ours(self, seen: os.stat_result, size: int) -> None:
        if not stat.S_ISREG(seen.st_mode):
            kind = _KINDS.get(stat.S_IFMT(seen.st_mode), "no file")
            raise SpoolCopyBad(f"its spool file is {kind} now{_WHO}", file=file_id(seen))
        if seen.st_uid not in (os.geteuid(), os.stat(self._spool.folder).st_uid):
            raise SpoolUnread(
                f"its spool file belongs to another user (id {seen.st_uid}), who may have written it: give it back its owner"
            )
        if seen.st_size != size:
            raise SpoolCopyBad(f"its spool file has {seen.st_size} bytes, {size} were pulled", file=file_id(seen))


_WHO = ": something else than dockd writes in the spool"


class SpoolCopy:
    """One copy, open for as long as it is sent. `fd`: what was read, and what is to be sent."""

    def __init__(self, *, rereading: Rereading, segment: str, digest: Digest, fd: int) -> None:
        self.fd = fd
        self._rereading = rereading
        self._segment = segment
        self._digest = digest

    async def sound(self, *, anew: bool = False) -> None:
        """See that its bytes are the ones that were pulled; one that was read a short while ago, and looks the same, is not read again.

        `anew`: whatever was seen before. Raises SpoolCopyBad, SpoolUnread.
        """
        look = self._look()
        if not anew and self._rereading.believes(self._segment, look):
            return
        if not await self._reads_as_pulled(sha256=anew) and not await self._reads_as_pulled(sha256=True):
            raise SpoolCopyBad("its bytes are no longer those that were pulled", file=look[:2])
        self._untouched_since(look)

    async def digest_of(self, span: Span) -> str:
        """The SHA-256 of just these bytes, hex. Raises SpoolUnread."""

        def read() -> str:
            hasher = hashlib.sha256()
            for start in range(span.offset, span.offset + span.length, _PIECE):
                hasher.update(os.pread(plain, min(_PIECE, span.offset + span.length - start), start))
            return hasher.hexdigest()

        try:
            plain = os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_CLOEXEC)  # direct reads want alignment
            try:
                return await _in_thread(read)
            finally:
                os.close(plain)
        except OSError as error:
            raise unread(error) from error

    async def in_parts(self, size: int) -> Parts:
        """`sound(anew=True)`, and the digests of its parts of `size` bytes, of the very bytes that were found to be sound. Raises likewise."""
        look = self._look()
        for _ in range(2):
            found = await self._rereading.read(self.fd, size=self._digest.size, sha256=True, part_size=size)
            if found.sha256 == self._digest.sha256:
                self._untouched_since(look)
                return Parts(size=size, sha256=found.parts)
        raise SpoolCopyBad("its bytes are no longer those that were pulled", file=look[:2])

    def _untouched_since(self, look: Look) -> None:
        if self._look() != look:
            raise SpoolUnread(
                "its spool file was touched while it was read: something else than dockd writes in the spool"
            )
        self._rereading.believe(self._segment, look)

    async def _reads_as_pulled(self, *, sha256: bool) -> bool:
        found = await self._rereading.read(self.fd, size=self._digest.size, sha256=sha256)
        if sha256:
            return found.sha256 == self._digest.sha256
        return found.xxh3_128 == self._digest.xxh3_128

    def _look(self) -> Look:
        seen = os.fstat(self.fd)
        return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def _nobody() -> None:
    """Nobody listens."""


def file_id(seen: os.stat_result) -> FileId:
    """Which file it is, whatever its name."""
    return seen.st_dev, seen.st_ino


def unread(error: OSError | EOFError) -> SpoolUnread:
    """What a failed read of a spool copy means."""
    words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    if isinstance(error, OSError) and error.errno in _BAD_DISK:
        return SpoolDiskFailed(f"the dock's own disk cannot give its bytes ({words}): check the spool's disk")
    return SpoolUnread(f"its spool file could not be read: {words}")


def _opened(path: str) -> int:
    """Open for reading, past the cache where that is possible; a pipe must not make it wait. Raises OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(path, flags | os.O_DIRECT)
    except OSError as refused:
        if refused.errno != errno.EINVAL:
            raise
    return os.open(path, flags)


async def _in_thread(
    work: Callable[[], T], *, stop: threading.Event | None = None, undo: Callable[[T], object] | None = None
) -> T:
    """Run it in a thread, which is never left behind: a caller that is cancelled waits for it, once it was told to `stop`."""
    done = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({done})
        if done.exception() is None and undo is not None:
            undo(done.result())
        raise
