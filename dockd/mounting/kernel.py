"""The kernel's calls for mounting that Python does not have, and nothing else.

Why the calls of Linux 5.2 (fsopen, fsmount, move_mount) and not mount(2): a filesystem can be looked at through its descriptor
before anybody sees it anywhere, the place where it appears is a descriptor and not a path, options cannot run into each other
(there is no comma to smuggle in), and the filesystem's own complaint can be read. Every function raises OSError as the kernel gives it;
`FilesystemRefused` has the complaint too. The numbers are the same on every architecture that Debian builds for.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Iterable

_OPEN_TREE, _MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT, _FSPICK, _MOUNT_SETATTR = 428, 429, 430, 431, 432, 433, 442
_CLOEXEC = 1  # of fsopen, fsmount and fspick
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CREATE, _FSCONFIG_RECONFIGURE = 0, 1, 6, 7
_MOVE_MOUNT_F_EMPTY_PATH, _MOVE_MOUNT_T_EMPTY_PATH = 0x04, 0x40
_FSPICK_EMPTY_PATH = 8
_AT_EMPTY_PATH = 0x1000
_AT_FDCWD = -100
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_CLONE_NEWUSER = 0x10000000

_NOSUID, _NODEV, _NOEXEC, _NOATIME, _IDMAP, _NOSYMFOLLOW = 2, 4, 8, 0x10, 0x100000, 0x200000
_ALWAYS = _NOSUID | _NODEV | _NOEXEC | _NOATIME | _NOSYMFOLLOW
_MOUNT_ATTR = struct.Struct("=QQQQ")  # set, clear, propagation, user namespace

_BLKROSET, _BLKROGET, _BLKFLSBUF, _BLKGETDISKSEQ = 0x125D, 0x125E, 0x1261, 0x80081280
_LONGEST_COMPLAINT = 300  # characters

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

Option = tuple[str, str | None]


class FilesystemRefused(OSError):
    """The filesystem does not mount; `complaint` is what it said itself, or empty."""

    def __init__(self, error: OSError, complaint: str) -> None:
        super().__init__(error.errno, os.strerror(error.errno or 0))
        self.complaint = complaint


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _call(number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else ctypes.c_char_p(one) for one in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *words))


def new_mount(filesystem: str, source: str, *, options: Iterable[Option], writable: bool) -> int:
    """Mount `source` where nobody sees it; a descriptor of its root folder. Closing it unmounts, unless `attach` was called.

    Read-only is the filesystem, for every mount of it there is, and never this mount alone: the agent sees a copy of it in a namespace of its own,
    where a mount's own flags stay as they were when it was copied.

    Raises FilesystemRefused; OSError ENODEV where the kernel does not know the filesystem.
    """
    context = _call(_FSOPEN, filesystem.encode(), _CLOEXEC)
    try:
        _call(_FSCONFIG, context, _FSCONFIG_SET_STRING, b"source", source.encode(), 0)
        _set(context, ("rw" if writable else "ro", None))
        for option in options:
            _set(context, option)
        _call(_FSCONFIG, context, _FSCONFIG_CREATE, None, None, 0)
        return _call(_FSMOUNT, context, _CLOEXEC, _ALWAYS)
    except OSError as error:
        raise FilesystemRefused(error, _complaint(context)) from error
    finally:
        os.close(context)


def _set(context: int, option: Option) -> None:
    key, value = option
    if value is None:
        _call(_FSCONFIG, context, _FSCONFIG_SET_FLAG, key.encode(), None, 0)
    else:
        _call(_FSCONFIG, context, _FSCONFIG_SET_STRING, key.encode(), value.encode(), 0)


def _complaint(context: int) -> str:
    """What the filesystem said about its refusal: those that still use the old interface say it in the kernel's log alone."""
    said: list[str] = []
    while len(said) < 8:
        try:
            line = os.read(context, 4096).decode("utf-8", "replace").strip()
        except OSError:  # ENODATA: that was all
            break
        said.append(line.removeprefix("e ").removeprefix("w "))
    return "; ".join(said)[:_LONGEST_COMPLAINT]


def attach(mount: int, folder: int) -> None:
    """Let a new mount appear at the folder behind the descriptor `folder`."""
    _call(_MOVE_MOUNT, mount, b"", folder, b"", _MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH)


def map_ids(mount: int, namespace: int) -> None:
    """Show the owners of files through the maps of a user namespace. Only before `attach`."""
    _set_attributes(mount, set_bits=_IDMAP, namespace=namespace)


def _set_attributes(mount: int, *, set_bits: int, namespace: int) -> None:
    attributes = _MOUNT_ATTR.pack(set_bits, 0, 0, namespace)
    _call(_MOUNT_SETATTR, mount, b"", _AT_EMPTY_PATH, attributes, len(attributes))


def set_filesystem_read_only(root: int, *, read_only: bool) -> None:
    """Remount the filesystem itself, its options as they are. `root`: the root folder of the mount.

    Raises FilesystemRefused; EBUSY while a file is open for writing, in whatever namespace.
    """
    context = _call(_FSPICK, root, b"", _CLOEXEC | _FSPICK_EMPTY_PATH)
    try:
        _set(context, ("ro" if read_only else "rw", None))
        _call(_FSCONFIG, context, _FSCONFIG_RECONFIGURE, None, None, 0)
    except OSError as error:
        raise FilesystemRefused(error, _complaint(context)) from error
    finally:
        os.close(context)


def unmount(path: str, *, lazily: bool = False) -> None:
    """Unmount what is at this path. Raises OSError: EBUSY in use, EINVAL nothing is mounted there."""
    flags = _UMOUNT_NOFOLLOW | (_MNT_DETACH if lazily else 0)
    _checked(_libc.umount2(os.fsencode(path), ctypes.c_int(flags)))


def sync_filesystem(root: int) -> None:
    """Write out everything of one filesystem, and wait for it."""
    _checked(_libc.syncfs(ctypes.c_int(root)))


def enter_new_user_namespace() -> None:
    """For a child that only lends its namespace. Raises OSError where user namespaces are switched off."""
    _checked(_libc.unshare(ctypes.c_int(_CLONE_NEWUSER)))


def set_device_read_only(device: int, *, read_only: bool) -> None:
    """BLKROSET: of this disk or partition alone."""
    fcntl.ioctl(device, _BLKROSET, struct.pack("=i", read_only))


def is_device_read_only(device: int) -> bool:
    """Whether it is read-only: it was set so, or its whole disk is (a locked card)."""
    (answer,) = struct.unpack("=i", fcntl.ioctl(device, _BLKROGET, bytes(4)))
    return bool(answer)


def drop_buffers(device: int) -> None:
    """BLKFLSBUF: write out and forget what is kept of this device in memory."""
    fcntl.ioctl(device, _BLKFLSBUF, 0)


def disk_sequence(device: int) -> int:
    """The whole disk's sequence number, from the open device itself (Linux 5.15 and later, else ENOTTY)."""
    (number,) = struct.unpack("=Q", fcntl.ioctl(device, _BLKGETDISKSEQ, bytes(8)))
    return int(number)
