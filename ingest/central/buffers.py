"""Memory that direct I/O can use: private, aligned to huge pages, used again and again.

Why: O_DIRECT wants aligned memory, and only physically contiguous pages give large requests (a plain `mmap(-1, n)` is
shared, never huge, and halves the rate). Rules: a buffer is mapped when first needed, in a thread (the kernel clears its
pages, which takes milliseconds), and never given back to the system; who takes one gives it back exactly once.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading

BLOCK = 4096  # bytes: what every disk and filesystem here takes as alignment of offset, length and memory
_HUGE_PAGE = 2 << 20


def aligned_buffer(size: int) -> memoryview:
    """A writable view of `size` zero bytes, aligned to 2 MiB. Blocks for milliseconds, without the interpreter's lock."""
    length = -(-size // _HUGE_PAGE) * _HUGE_PAGE
    area = mmap.mmap(-1, length + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    start = -address % _HUGE_PAGE
    with contextlib.suppress(OSError):  # a kernel without transparent huge pages: slower, and nothing else
        area.madvise(mmap.MADV_HUGEPAGE, start, length)
    ctypes.memset(address + start, 0, size)  # the first touch, which would otherwise come where it hurts
    return memoryview(area)[start : start + size]


class BufferPool:
    """Buffers of one size. All methods may be called from any thread."""

    def __init__(self, *, size: int) -> None:
        self.size = size
        self._free: list[memoryview] = []
        self._lock = threading.Lock()

    def take_free(self) -> memoryview | None:
        """A buffer whose content is undefined, if one is free."""
        with self._lock:
            return self._free.pop() if self._free else None

    def make(self) -> memoryview:
        """One more. Blocks."""
        return aligned_buffer(self.size)

    def give(self, buffer: memoryview) -> None:
        """Hand it back."""
        with self._lock:
            self._free.append(buffer)
