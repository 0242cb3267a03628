"""A file of a folder camera, held open: what was read through the descriptor is what is deleted, or nothing is.

What another program has open for writing is not deleted, and does not count as copied: it may write on into a file that has no name any more.
The kernel is asked for that by a lease, which it does not give on such a file, and only where it knows: a network's filesystem may be
written by others, and says no for reasons of its own; a file of another user gets no lease without a right that dockd does not have.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import time
from dataclasses import dataclass
from typing import Protocol

from ingest.errors import CameraGone, IntegrityFailed, SourceUnstable, StillWritten, Unreadable
from ingest.model import Listed, legible

GONE = {errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.ESHUTDOWN, errno.ENOMEDIUM}
REST = 3.0


class Presence(Protocol):
    """What can be asked about the camera that a file lies on."""

    def present(self) -> None:
        """Raises CameraGone where it is not there, or is another one."""

    def present_after(self, error: OSError) -> None:
        """The same after an error of its device, with patience."""


@dataclass(kw_only=True)
class HeldFile:
    """A file of a folder camera, held by its descriptor and by that of the folder that it lies in.

    `leases`: every writer of this filesystem is known to this kernel; `own_times`: its change times are of this machine's clock; `rest`: seconds for which it must have been left
    alone where nobody knows its writers.
    """

    camera: Presence
    file: Listed
    folder: int
    name: bytes
    fd: int
    opened: os.stat_result
    leases: bool = False
    own_times: bool = False
    rest: float = REST

    @property
    def content(self) -> int:
        """Its bytes: the descriptor."""
        return self.fd

    def unchanged(self) -> None:
        """The descriptor and the name must both still be the file that was opened."""
        try:
            named = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except OSError as error:
            self.camera.present_after(error)
            raise SourceUnstable(f"{legible(self.file.path)} is no longer there as it was listed") from error
        path = self.file.path
        for seen in (os.fstat(self.fd), named):
            if not stat.S_ISREG(seen.st_mode) or as_listed(path, seen) != as_listed(path, self.opened):
                raise SourceUnstable(f"{legible(path)} changed after it was listed")

    def at_rest(self) -> None:
        """Raises StillWritten where another program has it open for writing; where nobody can say, waits until it was left alone for a while."""
        if self._is_free() is None and self.own_times:
            young = self.rest - (time.time() - os.fstat(self.fd).st_ctime)
            time.sleep(max(0.0, min(young, self.rest)))

    def _is_free(self) -> bool | None:
        """Whether nobody has it open for writing; None: nobody can say. Raises StillWritten."""
        if not self.leases:
            return None
        try:
            fcntl.fcntl(
                self.fd, fcntl.F_SETSIG, signal.SIGURG
            )  # who opens it in this moment causes it: it does nothing
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                raise StillWritten(
                    f"{legible(self.file.path)} is open for writing: another program has not closed it yet. It stays on the camera until it has"
                ) from error
            return None
        return True

    def delete(self) -> str:
        """Unlink it if its name still leads to it, and nobody writes to it; then look."""
        self.camera.present()
        self.unchanged()
        links = os.fstat(self.fd).st_nlink
        self._is_free()
        try:
            os.unlink(self.name, dir_fd=self.folder)
        except OSError as error:
            self.camera.present_after(error)
            raise explain(error, self.file.path, doing="deleted") from error
        if os.fstat(self.fd).st_nlink >= links:
            raise IntegrityFailed(
                f"{legible(self.file.path)}: another file had taken its name when it was deleted, and that one is gone. "
                "Somebody else writes to this camera: take it out of use and look at it"
            )
        return self._seen_gone()

    def _seen_gone(self) -> str:
        """Make the deletion durable and look. Raises CameraGone where that cannot be seen: the next listing tells."""
        try:
            os.fsync(self.folder)
            left = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            left = None
        except OSError as error:
            raise CameraGone(
                f"{legible(self.file.path)} was deleted, and cannot be seen gone: {error.strerror}"
            ) from error
        self.camera.present()
        if left is not None:
            return "unlinked by descriptor, folder synced; another file has its name now"
        return "unlinked by descriptor, folder synced, looked for and not found"

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.fd)
        os.close(self.folder)


def as_listed(path: bytes, seen: os.stat_result) -> Listed:
    """What stat says of a file, as a listing shows it: in numbers that a ledger can keep."""
    return Listed(
        path=path, size=seen.st_size, mtime_ns=_in_64_bits(seen.st_mtime_ns), ctime_ns=_in_64_bits(seen.st_ctime_ns), dev=seen.st_dev,
        ino=seen.st_ino if seen.st_ino < 1 << 63 else seen.st_ino - (1 << 64),
    )  # fmt: skip


def _in_64_bits(time_ns: int) -> int:
    """A camera whose clock is wrong may date a file after 2262: that is the last moment then."""
    return max(-(1 << 63), min(time_ns, (1 << 63) - 1))


def explain(error: OSError, path: bytes, *, doing: str = "read") -> CameraGone | Unreadable:
    """What an error of the system means for a file, or for the camera."""
    if error.errno in GONE:
        return CameraGone(f"the camera has left, or its device fails ({legible(path)}: {error.strerror})")
    if error.errno == errno.ENOENT:
        return CameraGone(f"{legible(path)} is not there any more: {error.strerror}")
    return Unreadable(f"{legible(path)} cannot be {doing}: {error.strerror}")
