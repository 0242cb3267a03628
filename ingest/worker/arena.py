"""The one block of memory that a worker reads cameras into.

Direct I/O goes straight from the device into these buffers, and how fast it goes hangs on what lies
under them: the kernel can only build large requests over physically contiguous pages. Python's
`mmap(-1, n)` is MAP_SHARED and never gets huge pages, so its requests are cut to about 500 KiB and
reading drops to less than half the device's rate. Hence one private mapping for the process,
aligned to 2 MiB, with MADV_HUGEPAGE, cut into buffers that are used again and again.

Rules: the memory is mapped at once and touched only when a buffer is first used; a buffer's length
is a multiple of 2 MiB, so that each one starts on a huge page; only one file at a time goes through
an arena, for two files in the same buffers would be evidence mixed: `claimed()` refuses the second.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HUGE_PAGE = 2 << 20


class ArenaBusyError(RuntimeError):
    """A second file was to go through buffers that another is using: the caller's fault, not the input's."""


class Arena:
    """`buffers` writable memory views of `buffer_size` bytes each, aligned to 2 MiB."""

    def __init__(self, *, buffers: int = 6, buffer_size: int = 4 << 20) -> None:
        """Map the memory, untouched. Raises ValueError for a size that cannot be aligned, OSError."""
        if buffers < 2:
            raise ValueError(f"reading and writing overlap from 2 buffers on, got {buffers}")
        if buffer_size <= 0 or buffer_size % HUGE_PAGE:
            raise ValueError(f"a buffer is a multiple of {HUGE_PAGE} bytes, got {buffer_size}")
        length = buffers * buffer_size
        self.buffer_size = buffer_size
        self._map = mmap.mmap(-1, length + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = -_address(self._map) % HUGE_PAGE
        self._advise_huge_pages(start=start, length=length)
        self._whole = memoryview(self._map)
        self.buffers = tuple(
            self._whole[start + i * buffer_size : start + (i + 1) * buffer_size] for i in range(buffers)
        )
        self._in_use = threading.Lock()

    def _advise_huge_pages(self, *, start: int, length: int) -> None:
        try:
            self._map.madvise(mmap.MADV_HUGEPAGE, start, length)
        except OSError:  # a kernel built without transparent huge pages: slower, and nothing else
            return

    @contextmanager
    def claimed(self) -> Iterator[tuple[memoryview, ...]]:
        """The buffers, for one file. Raises ArenaBusyError while another file goes through them."""
        if not self._in_use.acquire(blocking=False):
            raise ArenaBusyError("another file is going through this arena; one at a time does")
        try:
            yield self.buffers
        finally:
            self._in_use.release()


def _address(mapping: mmap.mmap) -> int:
    # The exported pointer is let go on return; only the number is kept.
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))
