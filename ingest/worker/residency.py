"""What the page cache holds of a file, and getting it out of there.

An independent second read is worth nothing if the cache answers it. `drop` asks the kernel to
forget a file (it does so for clean pages only, and it is only advice), `resident` looks whether it
has, `lives_in_memory` knows the filesystems that are nothing but cache and take O_DIRECT without
meaning it (tmpfs since Linux 6.6).
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os

PAGE = mmap.PAGESIZE
_WINDOW = 256 << 20  # bytes looked at with one call: one byte a page comes back

_MEMORY_FILESYSTEMS = {0x01021994, 0x858458F6, 0x958458F6}  # tmpfs, ramfs, hugetlbfs
_MAP_FAILED = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
)
_libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_libc.fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)


def advise(fd: int, advice: int, *, offset: int = 0, length: int = 0) -> None:
    """posix_fadvise, as advice: who takes none (a pipe) is left alone. `length` 0 means to the end."""
    with contextlib.suppress(OSError):
        os.posix_fadvise(fd, offset, length, advice)


def drop(fd: int) -> None:
    """Ask the kernel to forget the file's pages, dirty ones after they are written out."""
    with contextlib.suppress(OSError):  # a read-only medium has nothing to write, a pipe cannot
        os.fdatasync(fd)
    advise(fd, os.POSIX_FADV_DONTNEED)


def lives_in_memory(fd: int) -> bool:
    """Whether the file's filesystem has no device below it that a read could be taken from."""
    answer = (ctypes.c_long * 64)()
    if _libc.fstatfs(fd, answer) != 0:
        return False
    return int(answer[0]) & 0xFFFFFFFF in _MEMORY_FILESYSTEMS


def resident(fd: int, *, size: int) -> int:
    """How many of the file's first `size` bytes lie in the page cache, in whole pages.

    Where the kernel will not tell (a file that cannot be mapped, or that is not ours: mincore then calls
    every page resident) the answer is `size` rounded up: unknown counts as cached.
    """
    return sum(_resident_window(fd, offset, min(_WINDOW, size - offset)) for offset in range(0, size, _WINDOW))


def _resident_window(fd: int, offset: int, length: int) -> int:
    pages = -(-length // PAGE)
    address = _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, fd, offset)
    if address in (None, _MAP_FAILED):
        return pages * PAGE
    try:
        seen = ctypes.create_string_buffer(pages)
        if _libc.mincore(address, length, seen) != 0:
            return pages * PAGE
        return sum(page & 1 for page in seen.raw) * PAGE
    finally:
        _libc.munmap(address, length)
