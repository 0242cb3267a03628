"""Giving a whole file its name without ever taking the place of another one.

The kernel does that in one step where the filesystem has it (RENAME_NOREPLACE: ext4, XFS, Btrfs, tmpfs, SMB). NFS does not: there a second
name is made, which fails where one is, and the first is taken away. Where there are no second names either, an empty file is made that
only its maker may take the place of.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Sequence

_NOREPLACE = 1
_HAS_NOT = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_NO_SECOND_NAMES = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL})
_libc = ctypes.CDLL(None, use_errno=True)

Way = Callable[[bytes, bytes, int, int], bool]
"""Name, new name, folder, new folder: whether this filesystem has that way. Raises OSError (FileExistsError: the name is taken)."""


def by_rename(name: bytes, new: bytes, source: int, target: int) -> bool:
    """In one step."""
    if _libc.renameat2(source, name, target, new, _NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _HAS_NOT:
        return False
    raise OSError(code, os.strerror(code))


def by_second_name(name: bytes, new: bytes, source: int, target: int) -> bool:
    """A second name, and when that is durable the first is taken away."""
    try:
        os.link(name, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_SECOND_NAMES:
            return False
        raise
    os.fsync(target)
    os.unlink(name, dir_fd=source)
    return True


def by_placeholder(name: bytes, new: bytes, source: int, target: int) -> bool:
    """An empty file of our own under the new name, then over that one."""
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=target))
    os.rename(
        name, new, src_dir_fd=source, dst_dir_fd=target
    )  # where that fails the empty file stays: it may be the whole one after all
    return True


WAYS: Sequence[Way] = (by_rename, by_second_name, by_placeholder)


def publish(name: bytes, new: bytes, *, source: int, target: int, ways: Sequence[Way] = WAYS) -> None:
    """Rename `name` in `source` to `new` in `target`. Nothing is overwritten. Raises FileExistsError, OSError."""
    for way in ways:
        if way(name, new, source, target):
            return
    raise OSError(errno.EOPNOTSUPP, "it cannot give a file its name without overwriting")
