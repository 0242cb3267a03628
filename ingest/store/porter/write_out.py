"""Bytes leave for the share's server as they come, not a page cache's worth at once: the bandwidth's limit is held over a tenth of a second."""

from __future__ import annotations

import ctypes
import time

_AT_LEAST, _AT_MOST = 16 << 10, 1 << 20  # bytes that are sent on together
_EVERY = 0.02
_PAGE = 4096
_START = 2  # SYNC_FILE_RANGE_WRITE: start, and wait for nothing
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class WriteOut:
    """Of one file that is written from `start` on. It is advice: what it cannot start, or what fails, `fdatasync` says."""

    def __init__(self, fd: int, *, start: int) -> None:
        self._fd = fd
        self._started = start
        self._last = time.monotonic()

    def written(self, reached: int) -> None:
        """Bytes up to `reached` are in the page cache: start sending whole pages of them, where it is time for that."""
        waiting, now = reached - self._started, time.monotonic()
        if waiting < _AT_MOST and (waiting < _AT_LEAST or now - self._last < _EVERY):
            return
        end = reached - reached % _PAGE
        _libc.sync_file_range(self._fd, self._started, end - self._started, _START)
        self._started, self._last = end, now
