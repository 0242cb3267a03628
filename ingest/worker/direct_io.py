"""Reading and writing past the page cache, and saying truthfully when that was not possible.

Why: the page cache costs a copy of every byte, evicts what the machine needs, and hides a camera's
bad read behind a good copy in memory. O_DIRECT avoids it. Where a filesystem refuses O_DIRECT
(EINVAL, at once or at the first request), that one side goes through the cache and cleans up behind
itself.

Rules: a descriptor's flags are put back as they were; nothing is fsynced here; a request that comes
back short inside a block is asked again from the start of that block, for only that tells the end
of the file from an interrupted request.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import fcntl
import os
import stat
from types import TracebackType
from typing import Self

from ingest.worker import residency

BLOCK = 4096  # bytes: the alignment of offset, length and memory that every device in the field takes
FLUSH_WINDOW = 16 << 20  # bytes written through the cache before the kernel is told to start writing them out

_SYNC_WAIT_BEFORE, _SYNC_WRITE, _SYNC_WAIT_AFTER = 1, 2, 4
_NO_PREALLOCATION = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV, errno.ESPIPE}
_NO_WRITEBACK_CONTROL = {errno.EINVAL, errno.ENOSYS, errno.ESPIPE, errno.EOPNOTSUPP}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def set_direct(fd: int, *, on: bool) -> bool:
    """Set or clear O_DIRECT; whether it now is as asked. Raises OSError other than EINVAL."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    wanted = flags | os.O_DIRECT if on else flags & ~os.O_DIRECT
    if wanted == flags:
        return True
    try:
        fcntl.fcntl(fd, fcntl.F_SETFL, wanted)
    except OSError as refused:
        if refused.errno != errno.EINVAL:
            raise
        return False
    return True


class _Descriptor:
    """An open descriptor that is direct where it can be, and is given back with the flags it came with."""

    def __init__(self, fd: int, *, direct: bool = True) -> None:
        self.fd = fd
        self._was_direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        self.direct = set_direct(fd, on=direct) and direct

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_direct(self.fd, on=self._was_direct)

    def _give_up_direct(self, error: OSError) -> None:
        """Go through the cache from here on if `error` refuses a direct request; else raise it."""
        if error.errno != errno.EINVAL or not self.direct:
            raise error
        set_direct(self.fd, on=False)
        self.direct = False


class Source(_Descriptor):
    """A file read from the front to its end. `direct`: whether O_DIRECT has served every read so far."""

    def __init__(self, fd: int, *, direct: bool = True) -> None:
        super().__init__(fd, direct=direct)
        if not self.direct:
            residency.advise(fd, os.POSIX_FADV_SEQUENTIAL)

    def read(self, view: memoryview, *, offset: int) -> int:
        """Fill `view` from `offset` (a multiple of BLOCK) on; fewer bytes than asked are the end of the file.

        Raises OSError as the device gives it.
        """
        filled = 0
        while filled < len(view):
            start = filled - filled % BLOCK if self.direct else filled
            reached = start + self._pread(view[start:], offset + start)
            if reached <= filled:
                return reached
            filled = reached
            if filled % BLOCK and self._ends_at(offset + filled):
                break
        if not self.direct:
            residency.advise(self.fd, os.POSIX_FADV_DONTNEED, offset=offset, length=filled)
        return filled

    def _pread(self, view: memoryview, offset: int) -> int:
        try:
            return os.preadv(self.fd, [view], offset)
        except OSError as refused:
            self._give_up_direct(refused)
        return os.preadv(self.fd, [view], offset)

    def _ends_at(self, position: int) -> bool:
        now = os.fstat(self.fd)
        return stat.S_ISREG(now.st_mode) and now.st_size <= position

    def size_now(self) -> int:
        """The size in bytes that the filesystem gives now; 0 for what has none (a pipe, a device)."""
        return os.fstat(self.fd).st_size


class ReadMethod(enum.StrEnum):
    """How a second read came by its bytes. CACHED: from memory, or nobody can say that it was not.

    DOWNLOAD: asked of the camera once more over its own protocol; what the camera keeps in a memory of its own nobody can say.
    """

    DIRECT = "direct"
    DONTNEED = "dontneed"
    CACHED = "cached"
    DOWNLOAD = "download"

    @property
    def past_page_cache(self) -> bool:
        """Whether the bytes came from the device, and not out of this machine's memory."""
        return self is not ReadMethod.CACHED


class SecondRead(Source):
    """A source whose bytes are to come from the device once more; `method` says whether they do."""

    def __init__(self, fd: int, *, size: int, direct: bool = True) -> None:
        super().__init__(fd, direct=direct)
        self._size = size
        # Before direct reads too: some filesystems take O_DIRECT and read through the cache all the same.
        residency.advise(fd, os.POSIX_FADV_DONTNEED)
        if residency.lives_in_memory(fd):
            self.method = ReadMethod.CACHED
        else:
            self.method = ReadMethod.DIRECT if self.direct else self._drop_cache()

    def _give_up_direct(self, error: OSError) -> None:
        super()._give_up_direct(error)
        if self.method is ReadMethod.DIRECT:
            self.method = self._drop_cache()

    def _drop_cache(self) -> ReadMethod:
        residency.drop(self.fd)
        return ReadMethod.CACHED if residency.resident(self.fd, size=self._size) else ReadMethod.DONTNEED


class Target(_Descriptor):
    """A file that is written from the front to its end, each byte once."""

    def __init__(self, fd: int, *, direct: bool = True) -> None:
        super().__init__(fd, direct=direct)
        self._cached = not self.direct
        self._flushing = self._flushed = 0

    def reserve(self, size: int) -> None:
        """Allocate `size` bytes at once, where supported. Raises OSError (ENOSPC, EDQUOT, EFBIG ...)."""
        if size == 0:
            return
        while _libc.fallocate(self.fd, 0, 0, size) != 0:
            code = ctypes.get_errno()
            if code in _NO_PREALLOCATION:
                return
            if code != errno.EINTR:
                raise OSError(code, f"{os.strerror(code)} (reserving {size} bytes)")

    def write(self, view: memoryview, *, offset: int) -> None:
        """Write all of `view`; only a file's last piece may be no multiple of BLOCK. Raises OSError."""
        whole = len(view) - len(view) % BLOCK if self.direct else len(view)
        self._write_all(view[:whole], offset)
        if whole < len(view):
            set_direct(self.fd, on=False)
            self.direct = False
            self._write_all(view[whole:], offset + whole)
        if self._cached:
            self._write_behind(offset + len(view))

    def cut_to(self, size: int) -> None:
        """Make the file exactly `size` bytes long; it may have been longer before. Raises OSError."""
        if os.fstat(self.fd).st_size != size:
            os.ftruncate(self.fd, size)

    def _write_all(self, view: memoryview, offset: int) -> None:
        done = 0
        while done < len(view):
            start = done - done % BLOCK if self.direct else done
            reached = start + self._pwrite(view[start:], offset + start)
            if reached <= done:
                raise OSError(errno.EIO, f"the filesystem took no byte at offset {offset + done}")
            done = reached

    def _pwrite(self, view: memoryview, offset: int) -> int:
        try:
            return os.pwritev(self.fd, [view], offset)
        except OSError as refused:
            self._give_up_direct(refused)
            self._cached = True
        return os.pwritev(self.fd, [view], offset)

    def _write_behind(self, written: int) -> None:
        """Start writing out the last window, wait for the one before it, and drop that from the cache."""
        if written - self._flushing < FLUSH_WINDOW:
            return
        _sync_file_range(self.fd, self._flushing, written - self._flushing, _SYNC_WRITE)
        before = self._flushing - self._flushed
        if before:
            everything = _SYNC_WAIT_BEFORE | _SYNC_WRITE | _SYNC_WAIT_AFTER
            _sync_file_range(self.fd, self._flushed, before, everything)
            residency.advise(self.fd, os.POSIX_FADV_DONTNEED, offset=self._flushed, length=before)
        self._flushed, self._flushing = self._flushing, written


def _sync_file_range(fd: int, offset: int, length: int, flags: int) -> None:
    # It may report a failed write-back, and then no later fsync will: such an error has to come out here.
    while _libc.sync_file_range(fd, offset, length, flags) != 0:
        code = ctypes.get_errno()
        if code in _NO_WRITEBACK_CONTROL:
            return
        if code != errno.EINTR:
            raise OSError(code, f"{os.strerror(code)} (writing out {length} bytes at {offset})")
