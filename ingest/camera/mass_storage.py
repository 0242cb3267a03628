"""A camera that is a folder: a mounted volume, or a directory that somebody hands in.

Walks by directory descriptors with O_NOFOLLOW, so that no link and no renamed folder leads out of the tree. A pulled cable leaves a FAT
mount that lists as empty without an error, so presence is asked of the kernel, before and after: of the disk, and of the mount. A listing
during which the disk failed is never whole, whatever the filesystem made of it.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.camera.block_device import BlockDevice, is_told
from ingest.camera.held_file import GONE, HeldFile, as_listed, explain
from ingest.errors import CameraGone, SourceUnstable, Unreadable
from ingest.model import Listed, Skipped, Vitals, legible

DEEPEST = 64
_LOOKS, _LOOK_AFTER = 10, 0.1  # a pulled cable is EIO first, and gone a moment later
_CHANGE_TIMES = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "zfs", "overlay"}
_LEASES = _CHANGE_TIMES | {"vfat", "exfat", "msdos"}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISLNK, "symlink", "a link is not followed: what it leads to is not this camera's"),
    (stat.S_ISFIFO, "fifo", "a FIFO holds no footage"),
    (stat.S_ISSOCK, "socket", "a socket holds no footage"),
    (stat.S_ISBLK, "device", "a device node is not opened"),
    (stat.S_ISCHR, "device", "a device node is not opened"),
)


_NO_CAMERA = (
    ({b"store.json", b"objects", b"uploads"}, "the root of a central store"),
    ({b"ledger.db", b"spool"}, "the state of a dock"),
    ({b".dockd-store"}, "a share that is a store"),
)


def no_camera(names: Iterable[bytes]) -> str | None:
    """What a folder with these names in it is, where that is one of dockd's own: its files must never be taken for footage."""
    there = set(names)
    return next((what for marks, what in _NO_CAMERA if marks <= there), None)


class MassStorage:
    """A folder as a camera. `root` is the folder's path, links in it already resolved; `system`: a folder on the disk that this process runs from.

    Raises CameraGone, Unreadable.
    """

    def __init__(self, root: bytes, *, sysfs: Path = Path("/sys"), system: Path = Path("/")) -> None:
        self.root = root
        try:
            self._fd = os.open(root, _FOLDER)
        except OSError as error:
            raise explain(error, root) from error
        self._is = os.fstat(self._fd)
        self._mount = mount_of(self._fd)
        self._disk = BlockDevice.of(self._is.st_dev, sysfs=sysfs)
        self._has_disk = os.major(self._is.st_dev) != 0
        if self._has_disk and self._disk is None and not is_told(sysfs):
            self._unwatched(sysfs, system)
        self._filesystem = _filesystem(self._mount)

    def _unwatched(self, sysfs: Path, system: Path) -> None:
        """Nothing says whether its disk is there (a chroot without /sys): only that of the system itself cannot leave. Raises Unreadable."""
        if self._is.st_dev != os.stat(system).st_dev:
            self.close()
            raise Unreadable(
                f"whether the disk of {legible(self.root)} is there cannot be told: sysfs is not mounted on {sysfs}. "
                f"Leave it in and tell ops: mount it there, or put the folder on the disk that {system} is on"
            )
        self._has_disk = False

    def close(self) -> None:
        """Let go of the root."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def vitals(self) -> Vitals:
        """A folder tells neither charge nor clock."""
        return Vitals()

    def room(self) -> int | None:
        """What its own filesystem has free; None of a folder that shares one with others: their room is not this camera's."""
        if not self._is_whole_volume():
            return None
        try:
            volume = os.fstatvfs(self._fd)
        except OSError as error:
            self.present_after(error)
            return None
        return volume.f_bavail * volume.f_frsize

    def _is_whole_volume(self) -> bool:
        """Whether the folder is a filesystem's root, mounted there."""
        with open("/proc/self/mountinfo", "rb") as mounts:
            for line in mounts:
                number, _parent, _device, root, place = line.split(b" ", 5)[:5]
                if number.decode("ascii") == self._mount:
                    return root == b"/" and _unescaped(place) == self.root
        return False

    def set_clock(self) -> bool:
        """A folder has no clock."""
        return False

    def present(self) -> None:
        """Raises CameraGone where the folder is not at its place any more, in the mount that it was in, or its disk has left."""
        if self._has_disk:
            why = "it has left" if self._disk is None else self._disk.left()
            if why is not None:
                raise CameraGone(f"the device of {legible(self.root)}: {why}. Nothing is concluded from what it lists")
        try:
            now = os.open(self.root, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise CameraGone(f"{legible(self.root)} is not there any more") from error
        try:
            found, mount = os.fstat(now), mount_of(now)
        finally:
            os.close(now)
        if (found.st_dev, found.st_ino) != (self._is.st_dev, self._is.st_ino):
            raise CameraGone(f"{legible(self.root)} is another folder now")
        if mount != self._mount:
            raise CameraGone(f"{legible(self.root)} was unmounted, and lies in another mount now")

    def present_after(self, error: OSError) -> None:
        """The same after an error of its device, with patience: the kernel finds out a moment later that a disk has left."""
        for _look in range(_LOOKS if error.errno == errno.EIO else 1):
            self.present()
            time.sleep(_LOOK_AFTER if error.errno == errno.EIO else 0)

    def device(self) -> str:
        """The root's device and inode numbers, since it was opened, and which insertion of the disk this is."""
        who = f"{self._is.st_dev}:{self._is.st_ino}"
        return who if self._disk is None or self._disk.diskseq is None else f"{who}:{self._disk.diskseq}"

    def keeps_change_times(self) -> bool:
        """FAT and exFAT number their inodes anew at each mount and have no change time of their own."""
        device = f"{os.major(self._is.st_dev)}:{os.minor(self._is.st_dev)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields = line.split(" ")
                if fields[2] == device:
                    return fields[fields.index("-") + 1] in _CHANGE_TIMES
        return False

    def listing(self) -> Iterator[Listed | Skipped]:
        """Every regular file below the root, depth first, names sorted."""
        self.present()
        failed = self._failures()
        try:
            root = os.open(b".", _FOLDER, dir_fd=self._fd)
        except OSError as error:
            self.present_after(error)
            raise explain(error, self.root) from error
        try:
            yield from self._walk(root, b"", 0)
        finally:
            os.close(root)
        if self._failures() != failed:
            self.present_after(OSError(errno.EIO, os.strerror(errno.EIO)))
            yield Skipped(
                path=b".",
                kind="unreadable",
                message="its device failed while it was listed: files may be there that are not in this listing",
                hides=True,
            )
        self.present()

    def _failures(self) -> int | None:
        return None if self._disk is None else self._disk.failures()

    def _walk(self, fd: int, prefix: bytes, depth: int) -> Iterator[Listed | Skipped]:
        try:
            names = sorted(os.fsencode(name) for name in os.listdir(fd))
        except OSError as error:
            yield self._unlisted(error, prefix or b".")
            return
        if (what := no_camera(names)) is not None:
            raise Unreadable(f"{legible(os.path.join(self.root, prefix))} is {what}: it is not taken for a camera")
        for name in names:
            path = prefix + name
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue  # it left between the listing and the look: the next pass tells
            except OSError as error:
                yield self._unlisted(error, path)
                continue
            if stat.S_ISDIR(found.st_mode):
                yield from self._descend(fd, name, path, depth)
            elif stat.S_ISREG(found.st_mode):
                yield as_listed(path, found)
            else:
                kind, why = next(
                    ((k, w) for is_kind, k, w in _KINDS if is_kind(found.st_mode)), ("other", "not a file")
                )
                yield Skipped(path=path, kind=kind, message=why)

    def _descend(self, fd: int, name: bytes, path: bytes, depth: int) -> Iterator[Listed | Skipped]:
        if depth >= DEEPEST:
            yield Skipped(path=path, kind="unreadable", message=f"folders lie deeper than {DEEPEST} here", hides=True)
            return
        try:
            child = os.open(name, _FOLDER, dir_fd=fd)
        except OSError as error:
            yield self._unlisted(error, path)
            return
        try:
            if os.fstat(child).st_dev != self._is.st_dev:
                yield Skipped(
                    path=path,
                    kind="other",
                    message="another filesystem is mounted here: what lies on it is not copied; give its folder as a camera of its own",
                    hides=True,
                )
                return
            yield from self._walk(child, path + b"/", depth + 1)
        finally:
            os.close(child)

    def _unlisted(self, error: OSError, path: bytes) -> Skipped:
        if error.errno in GONE:
            raise CameraGone(f"{legible(self.root)} does not answer any more: {error.strerror}") from error
        self.present_after(error)
        return Skipped(
            path=path,
            kind="unreadable",
            message=f"it cannot be read ({error.strerror}): footage may lie in it",
            hides=True,
        )

    def open(self, file: Listed) -> HeldFile:
        """Open a listed file by walking down to it, no link followed, and no way up."""
        if not {b"", b".", b".."}.isdisjoint(file.path.split(b"/")):
            self.present()
            raise SourceUnstable(f"{legible(file.path)} is no path below this camera's root")
        folder = os.open(b".", _FOLDER, dir_fd=self._fd)
        try:
            *folders, name = file.path.split(b"/")
            for part in folders:
                child = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = child
            fd = _open_quietly(name, folder)
        except OSError as error:
            os.close(folder)
            self.present_after(error)
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise SourceUnstable(f"{legible(file.path)} is no longer there as it was listed") from error
            raise explain(error, file.path) from error
        opened = os.fstat(fd)
        held = HeldFile(
            camera=self, file=file, folder=folder, name=name, fd=fd, opened=opened, leases=self._filesystem in _LEASES,
            own_times=self._filesystem in _CHANGE_TIMES,
        )  # fmt: skip
        try:
            if not self._is_listed(opened, file):
                raise SourceUnstable(f"{legible(file.path)} changed after it was listed")
            held.unchanged()
        except BaseException:
            held.close()
            raise
        return held

    def _is_listed(self, seen: os.stat_result, file: Listed) -> bool:
        """Whether an opened file is the listed one. Where inodes are numbered anew at will (FAT), their numbers say nothing."""
        now = as_listed(file.path, seen)
        if not stat.S_ISREG(seen.st_mode) or (now.size, now.mtime_ns) != (file.size, file.mtime_ns):
            return False
        return not self.keeps_change_times() or now == file


def mount_of(fd: int) -> str:
    """Which mount an open file lies in. The number is not given to another as long as the file is open; empty: the kernel does not say."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as facts:
        return next((line.split()[1] for line in facts if line.startswith("mnt_id:")), "")


def _filesystem(mount: str) -> str:
    """What kind of filesystem a mount is of; empty: the kernel does not say."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            fields = line.split(" ")
            if fields[0] == mount:
                return fields[fields.index("-") + 1]
    return ""


def _unescaped(place: bytes) -> bytes:
    """A path as mountinfo writes it."""
    for code, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        place = place.replace(code, plain)
    return place


def _open_quietly(name: bytes, folder: int) -> int:
    """Open without touching the access time where that is allowed."""
    try:
        return os.open(name, _FILE | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, _FILE, dir_fd=folder)
