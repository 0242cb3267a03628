"""The helper's own mount points: folders below one root that is its alone.

Everything is done relative to the open root, so that nobody who may rename a folder above it can lead the helper elsewhere.
Folders in which nothing is mounted cannot be entered by the agent: an unmounted camera gives an error, never an empty listing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dockd.mounting.base import MountRefused
from dockd.mounting.mountinfo import mount_id, mounted

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class RootUnusable(Exception):
    """The folder for mount points cannot be used, in plain words."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One mount point. `path` is what others call it; `root` and `folder` lead to it from the open root."""

    root: int
    folder: str
    path: str

    @property
    def kernel_path(self) -> str:
        """A path that leads to it whatever was renamed above the root."""
        return f"/proc/self/fd/{self.root}/{self.folder}"

    def open_bare(self) -> int:
        """The folder to mount on. Raises OSError."""
        return os.open(self.folder, _FOLDER, dir_fd=self.root)

    def open_mounted(self, device: int) -> int | None:
        """The root folder of what is mounted here; None where that is not this device. Raises OSError as the device gives it."""
        root = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.root)
        if os.fstat(root).st_dev == device:
            return root
        os.close(root)
        return None


class Places:
    """The root, made and locked: a second helper on the same root would take this one's mounts for leftovers. Raises RootUnusable."""

    def __init__(self, root: Path) -> None:
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o711, exist_ok=True)
            self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            found = os.fstat(self.fd)
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
                raise RootUnusable(f"{root} belongs to, or may be written by, somebody else: remove it")
            os.fchmod(self.fd, 0o711)
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RootUnusable(f"another dockd-mount already uses {root}") from error
        except OSError as error:
            raise RootUnusable(f"{root} cannot be used for mount points: {error.strerror}") from error
        self.root = os.readlink(f"/proc/self/fd/{self.fd}")
        self._own = mount_id(self.fd)

    def make(self, folder: str) -> Place:
        """The mount point for a folder of one or two clean names. Raises MountRefused."""
        names = folder.split("/")
        try:
            for depth in range(1, len(names) + 1):
                path = "/".join(names[:depth])
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, mode=0o755 if depth < len(names) else 0o700, dir_fd=self.fd)
                self._refuse_foreign(path)
        except OSError as error:
            raise MountRefused(f"{self.root}/{folder} cannot be made: {error.strerror}") from error
        return self.place(folder)

    def _refuse_foreign(self, folder: str) -> None:
        descriptor = os.open(folder, _FOLDER, dir_fd=self.fd)
        try:
            if mount_id(descriptor) != self._own:
                raise MountRefused(f"something is mounted at {self.root}/{folder} already")
        finally:
            os.close(descriptor)

    def place(self, folder: str) -> Place:
        """Where a folder is."""
        return Place(root=self.fd, folder=folder, path=f"{self.root}/{folder}")

    def is_mounted(self, folder: str) -> bool:
        """Whether anything is mounted there. It asks no device."""
        try:
            self._refuse_foreign(folder)
        except MountRefused:
            return True
        except OSError:
            return False
        return False

    def remove(self, folder: str) -> None:
        """Remove the mount point, and the folder around it, where they are empty and nothing is mounted there."""
        while folder:
            try:
                os.rmdir(folder, dir_fd=self.fd)
            except OSError:  # in use by another, or not there
                return
            folder = folder.rpartition("/")[0]

    def is_seen_by_nobody(self) -> bool:
        """Whether this process has a mount namespace of its own, so that its mounts never reach the agent."""
        around = [one for one in mounted() if f"{self.root}/".startswith(f"{one.where.rstrip('/')}/")]
        return max(around, key=lambda one: len(one.where)).follows

    def leftovers(self) -> dict[str, str]:
        """Folders at which something is mounted, the innermost first, each with the number of its device."""
        below = f"{self.root}/"
        found = {one.where.removeprefix(below): one.number for one in mounted() if one.where.startswith(below)}
        return dict(sorted(found.items(), reverse=True))

    def sweep(self) -> None:
        """Remove the empty folders of earlier helpers."""
        for name in os.listdir(self.fd):
            if self.is_mounted(name):  # its device hangs: not touched
                continue
            try:
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd)
            except OSError:  # no folder of ours
                continue
            try:
                names = os.listdir(inner)
            finally:
                os.close(inner)
            for below in names:
                self.remove(f"{name}/{below}")
            self.remove(name)
