"""Which block devices may be mounted, and what is done to one of them.

Nothing that the agent says of a device is believed but its name. The device is opened once and stays open as long as it is mounted:
while it is, the kernel gives its number to no other disk, so that what was checked and what is mounted cannot be two things.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from dockd.mounting import kernel
from dockd.mounting.base import MountRefused
from dockd.mounting.mountinfo import mounted
from ingest.errors import CameraGone, Unreadable

_SYSFS = Path("/sys/dev/block")
# Whoever read from an earlier mount ends within this: a worker whose agent was killed, a mount that is being let go.
_LET_GO_SECONDS = 3.0
_LOOK_SECONDS = 0.1
_GONE = (errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM)
_LOCKED = (
    "the card is locked against writing: move the small switch on its side, or look after the camera's own setting"
)


def hangs_on_usb(sysfs: Path) -> bool:
    """Whether this device hangs on USB, wherever in between: `sysfs` is its real path below /sys/devices."""
    for folder in (sysfs, *sysfs.parents):
        try:
            if Path(os.readlink(folder / "subsystem")).name == "usb":
                return True
        except OSError:  # not every folder is a device
            continue
    return False


def lock_by_number(number: str) -> None:
    """Set a device read-only that is known by its number ("8:17") alone, where that can be done: it may have left."""
    with contextlib.suppress(OSError):
        fd = os.open(f"/dev/{(_SYSFS / number).resolve().name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(fd).st_rdev
            if f"{os.major(found)}:{os.minor(found)}" == number:
                kernel.set_device_read_only(fd, read_only=True)
        finally:
            os.close(fd)


class BlockDevice:
    """An open disk or partition that may be mounted. Raises CameraGone, MountRefused, Unreadable."""

    def __init__(self, name: str, *, diskseq: int, on_usb: Callable[[Path], bool]) -> None:
        self.name = name
        self._diskseq = diskseq
        self._on_usb = on_usb
        try:
            if not stat.S_ISBLK(os.lstat(name).st_mode):
                raise MountRefused(f"{name} is no block device")
            self.fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise self.error(error, "cannot be opened") from error
        try:
            found = os.fstat(self.fd)
            if not stat.S_ISBLK(found.st_mode):
                raise MountRefused(f"{name} is no block device")
            self.device = found.st_rdev
            self.number = f"{os.major(self.device)}:{os.minor(self.device)}"
            self.check()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; once more does no harm."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def check(self) -> None:
        """It is there, it is what it is called, it hangs on USB, and its disk is the one that was asked for."""
        if not self.is_there():
            raise CameraGone(f"{self.name}: the device has left")
        sysfs = (_SYSFS / self.number).resolve()
        if sysfs.name != Path(self.name).name:
            raise MountRefused(f"{self.name} is {sysfs.name} by now")
        if not self._on_usb(sysfs):
            raise MountRefused(f"{self.name} does not hang on USB: only cameras' disks are mounted")
        try:
            found = kernel.disk_sequence(self.fd)
        except OSError as error:
            raise self.error(error, "does not say which disk it is (Linux 5.15 or later is needed)") from error
        if found != self._diskseq:
            raise MountRefused(
                f"{self.name} is disk {found} by now, not {self._diskseq}: look again what is plugged in"
            )

    def is_there(self) -> bool:
        """Whether the device is still there: its number is taken as long as it is open, so nothing else can answer for it."""
        return (_SYSFS / self.number).exists()

    def refuse_where_used(self, root: str) -> None:
        """Raise MountRefused where any part of its disk is mounted outside of our mount points, or is part of something larger."""
        disk = (_SYSFS / self.number).resolve()
        if (disk / "partition").exists():
            disk = disk.parent
        parts = [disk, *(folder.parent for folder in disk.glob("*/partition"))]
        numbers = {_text(part / "dev"): part.name for part in parts}
        for mount in mounted():
            if mount.number in numbers and not mount.where.startswith(f"{root}/"):
                raise MountRefused(
                    f"{numbers[mount.number]} is mounted at {mount.where}: no camera, or somebody else's"
                )
        for part in parts:
            if any((part / "holders").glob("*")):
                raise MountRefused(f"{part.name} is part of something larger (encrypted, RAID, LVM): it is in use")

    def await_unclaimed(self) -> None:
        """Wait a little until no filesystem and nobody else holds the device for himself, in any namespace. Raises MountRefused."""
        deadline = time.monotonic() + _LET_GO_SECONDS
        while True:
            try:
                os.close(os.open(f"/proc/self/fd/{self.fd}", os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise self.error(error, "cannot be opened") from error
                if time.monotonic() >= deadline:
                    raise MountRefused(
                        f"{self.name} is in use: mounted elsewhere, or still read from an earlier mount"
                    ) from error
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def lock(self) -> None:
        """Set the device itself read-only."""
        try:
            kernel.set_device_read_only(self.fd, read_only=True)
            locked = kernel.is_device_read_only(self.fd)
        except OSError as error:
            raise self.error(error, "cannot be set read-only") from error
        if not locked:
            raise Unreadable(f"{self.name} cannot be set read-only")

    def unlock(self) -> None:
        """Let it be written, it alone and not what else is on its disk. Raises Unreadable where the card itself is locked."""
        try:
            kernel.set_device_read_only(self.fd, read_only=False)
            locked = kernel.is_device_read_only(self.fd)
        except OSError as error:
            raise self.error(error, "cannot be made writable") from error
        if locked:  # by its disk, which says so of itself
            self.lock()
            raise Unreadable(f"{self.name}: {_LOCKED}")

    def drop_buffers(self) -> None:
        """Forget what is kept of it in memory."""
        try:
            kernel.drop_buffers(self.fd)
        except OSError as error:
            raise self.error(error, "its buffers cannot be dropped") from error

    def error(self, error: OSError, what: str) -> CameraGone | Unreadable | MountRefused:
        """What an error of the kernel means for this device. A pulled cable is an I/O error first, and gone a moment later."""
        if error.errno == errno.ENOENT:
            return CameraGone(f"{self.name}: the device has left")
        words = f"{self.name} {what}: {os.strerror(error.errno or 0)}"
        complaint = getattr(error, "complaint", "")
        words += f" ({complaint})" if complaint else ""
        if error.errno in _GONE:
            return CameraGone(words)
        if error.errno == errno.EIO and hasattr(self, "number"):
            for _look in range(10):
                if not self.is_there():
                    return CameraGone(f"{self.name}: the device has left")
                time.sleep(_LOOK_SECONDS)
        if error.errno in (errno.EPERM, errno.ENOTTY):
            return MountRefused(words)
        return Unreadable(words)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:  # it left between the listing and here
        return ""
