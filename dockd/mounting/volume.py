"""One mounted volume: mounted read-only, made writable, made fresh, unmounted. Every call may hang as long as the device does.

Rules: the device is set read-only before it is mounted and whenever it is not writable; what was checked before mounting is checked
again before the mount can be seen; a filesystem that still lives in some other place is not taken for a fresh one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dockd.mounting import filesystems, kernel
from dockd.mounting.base import Filesystem, MountRefused
from dockd.mounting.devices import BlockDevice
from dockd.mounting.places import Place
from ingest.errors import CameraGone, DockdError, Unreadable


class Volume:
    """What is to be mounted, and where. `ids`: the user namespace through which owners are seen, where there is one."""

    def __init__(
        self, *, name: str, diskseq: int, filesystem: Filesystem, place: Place, uid: int, gid: int,
        on_usb: Callable[[Path], bool], ids: int | None,
    ) -> None:  # fmt: skip
        self.place = place
        self.name = name
        self._diskseq = diskseq
        self._on_usb = on_usb
        self._device: BlockDevice | None = None
        self._filesystem = filesystem
        self._uid, self._gid = uid, gid
        self._ids = ids if filesystem == "ext4" else None
        self._writable = False

    @property
    def device(self) -> BlockDevice:
        """The open device. Raises CameraGone where it is not mounted (any more)."""
        if self._device is None:
            raise CameraGone(f"{self.name} is not mounted any more")
        return self._device

    def mount(self) -> None:
        """Mount read-only. Raises CameraGone, MountRefused, Unreadable; nothing is mounted then."""
        device = BlockDevice(self.name, diskseq=self._diskseq, on_usb=self._on_usb)
        try:
            device.refuse_where_used(self.place.path.removesuffix(f"/{self.place.folder}"))
            device.await_unclaimed()
            device.lock()
            self._device = device
            self._attach(writable=False)
        except BaseException:
            self._device = None
            device.close()
            raise

    def writable(self) -> None:
        """Let it be written. An ext4 is unmounted and mounted anew for that: without its journal it must not be written to.

        Raises CameraGone, Unreadable (locked, in use, not closed cleanly); it is mounted read-only as before then, where it still can be.
        """
        if self._writable:
            return
        self.device.check()
        if self._filesystem == "ext4":
            self._replace(self._attach_writable)
        else:
            self._remount_writable()

    def fresh(self) -> None:
        """Write out, unmount, drop the device's buffers, mount read-only anew.

        Raises CameraGone, Unreadable. Where it is still in use it stays mounted as it was, but read-only.
        """
        self.device.check()
        if self._writable:
            self._settle()
        self._replace(lambda: self._attach(writable=False))
        self.device.check()

    def unmount(self) -> None:
        """Unmount, whatever state it is in; lazily where it is in use. Raises Unreadable where the kernel refuses even that."""
        device = self._device
        if device is None:
            return
        if self._writable:
            # What cannot be written out any more is not lost by this: only names were deleted, and those are looked at again.
            with contextlib.suppress(DockdError):
                self._settle()
        self._device = None
        try:
            with contextlib.suppress(OSError):  # the device may have left
                kernel.set_device_read_only(device.fd, read_only=True)
            leave(self.place)
        except OSError as error:
            raise device.error(error, "cannot be unmounted") from error
        finally:
            device.close()

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _attach(self, *, writable: bool) -> None:
        device = self.device
        options = filesystems.options(self._filesystem, uid=self._uid, gid=self._gid, writable=writable)
        device.check()
        try:
            mount = kernel.new_mount(self._filesystem, self.name, options=options, writable=writable)
        except OSError as error:
            raise self._not_mounted(error) from error
        try:
            if os.fstat(mount).st_dev != device.device:
                raise MountRefused(f"{self.name} is another device by now")
            device.check()
            if self._ids is not None:
                kernel.map_ids(mount, self._ids)
            bare = self.place.open_bare()
            try:
                kernel.attach(mount, bare)
            finally:
                os.close(bare)
        except OSError as error:
            raise device.error(error, "cannot be mounted") from error
        finally:
            os.close(mount)
        self._writable = writable

    def _not_mounted(self, error: OSError) -> DockdError:
        if error.errno == errno.ENODEV and self.device.is_there():
            return MountRefused(f"this kernel does not know the filesystem {self._filesystem}: its module is missing")
        what = (
            "is in use, it" if error.errno == errno.EBUSY else f"has no {self._filesystem} on it, or a damaged one, and"
        )
        return self.device.error(error, f"{what} is not mounted")

    def _attach_writable(self) -> None:
        try:
            why = filesystems.why_not_writable(self.device.fd)
        except OSError as error:
            raise self.device.error(error, "cannot be read") from error
        if why:
            raise Unreadable(f"{self.name}: {why}")
        self.device.unlock()
        self._attach(writable=True)

    def _replace(self, attach: Callable[[], None]) -> None:
        """Unmount, and mount anew by `attach`; where that fails, mount read-only as before."""
        device = self.device
        try:
            kernel.unmount(self.place.kernel_path)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise Unreadable(f"{self.name} is still in use: something reads from {self.place.path}") from error
            if error.errno != errno.EINVAL:  # somebody else unmounted it
                raise device.error(error, "cannot be unmounted") from error
        self._writable = False
        try:
            device.await_unclaimed()
            device.drop_buffers()
            device.lock()
            attach()
        except BaseException as error:
            self._restore(error)
            raise

    def _restore(self, error: BaseException) -> None:
        try:
            self.device.lock()
            self._attach(writable=False)
        except DockdError as second:  # it has left, or fails: what is said is the first error
            error.add_note(second.message)

    def _remount_writable(self) -> None:
        with self._root() as root:
            self.device.unlock()
            try:
                kernel.set_filesystem_read_only(root, read_only=False)
                self.device.check()
            except (OSError, DockdError) as error:
                self._read_only_again(root)
                if isinstance(error, OSError):
                    raise self.device.error(error, "cannot be made writable") from error
                raise
        self._writable = True

    def _read_only_again(self, root: int) -> None:
        with contextlib.suppress(OSError):
            kernel.set_filesystem_read_only(root, read_only=True)
        with contextlib.suppress(OSError):
            kernel.set_device_read_only(self.device.fd, read_only=True)

    def _settle(self) -> None:
        """Write out, and be read-only again: mount, filesystem and device. Raises CameraGone, Unreadable."""
        with self._root() as root:
            try:
                kernel.sync_filesystem(root)
                kernel.set_filesystem_read_only(root, read_only=True)
            except OSError as error:
                if error.errno == errno.EBUSY:
                    raise Unreadable(f"{self.name} is still in use: a file on it is open for writing") from error
                raise self.device.error(error, "cannot be written out") from error
        self.device.lock()
        self._writable = False

    @contextmanager
    def _root(self) -> Iterator[int]:
        try:
            root = self.place.open_mounted(self.device.device)
        except OSError as error:
            raise self.device.error(error, "cannot be entered") from error
        if root is None:
            raise CameraGone(f"{self.name} is not mounted at {self.place.path} any more")
        try:
            yield root
        finally:
            os.close(root)


def leave(place: Place) -> None:
    """Unmount what is at this place; lazily where it is in use. No error where nothing is. Raises OSError."""
    try:
        kernel.unmount(place.kernel_path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return
        detach(place)


def detach(place: Place) -> None:
    """Take it out of sight at once, even where it hangs. No error where nothing is mounted. Raises OSError."""
    try:
        kernel.unmount(place.kernel_path, lazily=True)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise
