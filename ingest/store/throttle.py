"""One bandwidth limit for everything that dockd sends, as a wrapper around slices.

A bucket that starts empty and holds at most a fiftieth of a second of credit (never more than 100 ms): no burst at the start, none
after a pause. Slices are cut to that size, between 16 and 256 KiB. Waiting senders are served in the order in which they came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

SMALLEST = 16 << 10
LARGEST = 256 << 10


class Bucket:
    """`rate` in bytes per second; None for no limit. It may be changed while slices wait."""

    def __init__(self, rate: float | None, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._turn = asyncio.Lock()
        self._free_at = now()
        self.rate = rate

    @property
    def slice_size(self) -> int:
        """How much may go at once: a fiftieth of a second."""
        if self.rate is None:
            return LARGEST
        return min(LARGEST, max(SMALLEST, int(self.rate / 50)))

    async def take(self, size: int) -> None:
        """Wait until `size` bytes may be sent. What is sent pays for the time until the next."""
        if self.rate is None:
            return
        async with self._turn:
            now = self._now()
            # credit: a wake-up that came late may be made good, by one slice's time and no more
            self._free_at = max(self._free_at, now - min(0.1, self.slice_size / self.rate))
            wait = self._free_at - now
            if wait > 0:
                await asyncio.sleep(wait)
            if self.rate is not None:
                self._free_at += size / self.rate


async def throttled(source: AsyncIterator[bytes], bucket: Bucket) -> AsyncIterator[bytes]:
    """The same bytes, no faster than the bucket allows."""
    async for block in source:
        start = 0
        while start < len(block):
            piece = block[start : start + bucket.slice_size]  # a block that is small enough goes as it is, uncopied
            await bucket.take(len(piece))
            yield piece
            start += len(piece)
