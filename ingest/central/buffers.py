"""Memory that direct I/O can use: private, aligned to huge pages, used again and again.

Why: O_DIRECT wants aligned memory, and only physically contiguous pages give large requests (a plain `mmap(-1, n)` is
shared, never huge, and halves the rate). Rules: a buffer is mapped when first needed and never given back to the system;
who takes one gives it back exactly once.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading

BLOCK = 4096  # bytes: what every disk and filesystem here takes as alignment of offset, length and memory
_HUGE_PAGE = 2 << 20


def aligned_buffer(size: int) -> memoryview:
    """A writable view of `size` bytes, aligned to 2 MiB, untouched."""
    length = -(-size // _HUGE_PAGE) * _HUGE_PAGE
    area = mmap.mmap(-1, length + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(area)) % _HUGE_PAGE
    with contextlib.suppress(OSError):  # a kernel without transparent huge pages: slower, and nothing else
        area.madvise(mmap.MADV_HUGEPAGE, start, length)
    return memoryview(area)[start : start + size]


class BufferPool:
    """Buffers of one size. `take` and `give` may be called from any thread and never wait."""

    def __init__(self, *, size: int) -> None:
        self.size = size
        self._free: list[memoryview] = []
        self._lock = threading.Lock()

    def take(self) -> memoryview:
        """A buffer whose content is undefined."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return aligned_buffer(self.size)

    def give(self, buffer: memoryview) -> None:
        """Hand it back."""
        with self._lock:
            self._free.append(buffer)
