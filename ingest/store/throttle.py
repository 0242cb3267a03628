"""One bandwidth limit for everything that dockd sends, as a wrapper around slices.

A slice is what goes in a two-hundredth of a second (1 to 256 KiB). An ideal timetable says when each is due; a sender that wakes up late
makes good at most 100 ms of it, and no 100 ms, wherever they begin, carry more than 1.09 times their share. So there is no burst at the
start and none after a pause, and the average is the rate. Waiting senders are served in the order in which they came.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

SMALLEST = 1 << 10
LARGEST = 256 << 10
WINDOW = 0.1  # seconds: the longest credit, and what the limit is held over
_SLICES_PER_SECOND = 200
_MOST_IN_A_WINDOW = 1.09
_NOT_WORTH_A_SLEEP = 0.001  # seconds: an event loop cannot sleep shorter than that with any precision


class Bucket:
    """`rate` in bytes per second; None for no limit. It may be changed while slices wait. `now` and `sleep` are the clock's, in seconds."""

    def __init__(
        self, rate: float | None, *, now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._now = now
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._due = now()
        self._recent: deque[tuple[float, int]] = deque()
        self._carried = 0
        self.rate = rate

    @property
    def slice_size(self) -> int:
        """How much may go at once, bytes."""
        if self.rate is None:
            return LARGEST
        return min(LARGEST, max(SMALLEST, int(self.rate / _SLICES_PER_SECOND)))

    async def take(self, size: int) -> None:
        """Wait until `size` bytes may be sent. What is sent pays for the time until the next."""
        if self.rate is None:
            return
        async with self._turn:
            self._due = max(self._due, self._now() - WINDOW)
            while (wait := self._wait(size)) > 0:
                await self._sleep(wait)
            rate = self.rate
            self._due += size / rate if rate else 0.0
            self._recent.append((self._now(), size))
            self._carried += size

    def _wait(self, size: int) -> float:
        """Seconds until the next slice is due and has room in the last 100 ms; 0 for now."""
        now, rate = self._now(), self.rate
        if rate is None:
            return 0.0
        while self._recent and now - self._recent[0][0] >= WINDOW:
            self._carried -= self._recent.popleft()[1]
        due = self._due - now
        if self._recent and self._carried + size > _MOST_IN_A_WINDOW * rate * WINDOW:
            return max(due, self._recent[0][0] + WINDOW - now, 1e-6)
        return due if due > _NOT_WORTH_A_SLEEP else 0.0


async def throttled(source: AsyncIterator[bytes], bucket: Bucket) -> AsyncIterator[bytes]:
    """The same bytes, no faster than the bucket allows. What is small enough goes as it is, uncopied."""
    try:
        async for block in source:
            start = 0
            while start < len(block):
                piece = block[start : start + bucket.slice_size]
                await bucket.take(len(piece))
                yield piece
                start += len(piece)
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
