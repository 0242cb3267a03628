"""Every step by which the store changes its disk, one method each.

Why a seam: "killed after any step" can only be tested where each step has a name. Tests hand in a `Disk` that stops the
process after the n-th; production has this one. Rules: a step is durable only after `sync`/`sync_folder`; each raises
OSError as the system gives it; none is called on the event loop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

MODE = 0o600


class Disk:
    """The real one."""

    def create(self, path: Path) -> None:
        """A new, empty file. Raises FileExistsError."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE))

    def make_folder(self, path: Path) -> None:
        """A folder for the store alone; fine if it is there."""
        path.mkdir(mode=0o700, exist_ok=True)

    def write(self, fd: int, view: memoryview, *, at: int) -> None:
        """All of `view` at offset `at`."""
        done = 0
        while done < len(view):
            done += os.pwrite(fd, view[done:], at + done)

    def truncate(self, fd: int, size: int) -> None:
        """Cut off what lies beyond `size` bytes."""
        os.ftruncate(fd, size)

    def sync(self, fd: int) -> None:
        """The file's bytes, and what is needed to read them, are on the disk."""
        os.fdatasync(fd)

    def save(self, path: Path, content: bytes, *, part: Path | None = None) -> None:
        """Replace a small file at once: written as `part`, synced, renamed. The folder is not synced."""
        part = part or path.with_name(path.name + ".part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            self.write(fd, memoryview(content), at=0)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.move(part, path)

    def move(self, source: Path, target: Path) -> None:
        """Rename within the root."""
        os.rename(source, target)

    def remove(self, paths: Sequence[Path]) -> None:
        """Unlink each, in this order; those that are not there are passed over."""
        for path in paths:
            path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        """The folder's entries are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free(self, path: Path) -> int:
        """Bytes that may still be written there."""
        space = os.statvfs(path)
        return space.f_bavail * space.f_frsize
