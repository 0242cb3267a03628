"""One bandwidth limit for everything that dockd sends: whoever wants to send asks the bucket how much may go, and waits until then.

A slice is what goes in a two-hundredth of a second (1 to 256 KiB; under 32 kbit/s in a quarter of one), cut when it is granted, so that a new rate holds from the next slice on. An
ideal timetable says when each is due; a sender that wakes up late makes good at most 100 ms of it: 50 ms at once, the rest at 1.06 times
the rate. No 100 ms, wherever they begin, carry more than 1.07 times their share. After a pause there is no credit at all.

Who waits is served camera by camera (`ingest.store.turns`), however many connections a camera has. What went past the bucket (requests'
heads, and evidential segments where the site lets them pass) is charged, and paid by the others, which keep a tenth of the rate meanwhile; no
more than a second's worth is owed, so that nobody stands still for what is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Protocol

from ingest.store.turns import Turns

SMALLEST = 1 << 10
LEAST = 256  # bytes: what goes in a quarter of a second may be less than SMALLEST, but never less than this
LARGEST = 256 << 10
WINDOW = 0.1  # seconds: the longest credit, and what the limit is held over
TRICKLE = 0.1  # of the rate: what is left to those who pay for what went past the bucket
_SLICES_PER_SECOND = 200
_MOST_IN_A_WINDOW = 1.07
_AT_ONCE = 0.05  # seconds: what is made good without a pause in between; timers and the loop are late by less
_CATCHING_UP = 1.06
_IDLE = 0.25  # seconds: so long after what was due nobody wanted to send, or nobody could
_MOST_OWED = 1.0  # seconds at the rate
_MOST_UNSEEN = 4 << 20  # granted, and not told of by the line: what a cut upload leaves is forgotten
_NOT_WORTH_A_SLEEP = 0.001  # seconds: an event loop cannot sleep shorter than that with any precision
_PATIENT = 1.0  # seconds: so long heads of requests may fill the window before a slice
_LOOKS_AGAIN = 0.25  # seconds: a rate that changed is seen within


class Allowance(Protocol):
    """What hands out leave to send."""

    async def take(self, most: int) -> int:
        """Wait until something may be sent; how much of `most` bytes."""
        ...


class Bucket:
    """`rate` in bytes per second; None for no limit. It may be changed while slices wait. `now` and `sleep` are the clock's, in seconds.

    `bypass`: evidential segments do not wait.
    """

    def __init__(
        self, rate: float | None, *, bypass: bool = False, now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._now = now
        self._sleep = sleep
        self._turns = Turns()
        self._due = self._next = now() - _IDLE  # nobody has wanted anything yet
        self._recent: deque[tuple[float, float]] = deque()  # when, and seconds at the rate of then
        self._carried = 0.0
        self._owed = 0.0
        self._unseen = 0
        self._rate = rate
        self._bypass = bypass
        self._told: list[Callable[[], None]] = []

    def subscribe(self, told: Callable[[], None]) -> None:
        """`told` is called when the rate or the bypass is another one."""
        self._told.append(told)

    def _changed(self) -> None:
        for told in self._told:
            told()

    @property
    def rate(self) -> float | None:
        """Bytes per second; None for no limit."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        before, self._rate = self._rate, rate
        if rate == before:
            return
        now = self._now()
        if before is None or rate is None:
            self._due = self._next = now
            self._owed = 0.0
            self._recent.clear()
            self._carried = 0.0
        else:  # what was granted at the old rate is not waited for longer than a slice takes at the new one
            soon = now + self.slice_size / rate
            self._due, self._next = min(self._due, soon), min(self._next, soon)
            self._owed = min(_MOST_OWED, self._owed * before / rate)
        self._changed()

    @property
    def bypass(self) -> bool:
        """Whether evidential segments do not wait."""
        return self._bypass

    @bypass.setter
    def bypass(self, bypass: bool) -> None:
        before, self._bypass = self._bypass, bypass
        if bypass != before:
            self._changed()

    @property
    def slice_size(self) -> int:
        """How much may go at once, bytes."""
        if self._rate is None:
            return LARGEST
        least = max(LEAST, min(SMALLEST, int(self._rate / 4)))
        return min(LARGEST, max(least, int(self._rate / _SLICES_PER_SECOND)))

    def lane(self, who: str, *, evidential: bool = False) -> Lane:
        """The bucket for one sender: `who` shares with others (a camera)."""
        return Lane(self, who=who, evidential=evidential)

    async def take(self, most: int, *, who: str = "") -> int:
        """Wait until something may be sent; how much of `most` bytes. What is sent pays for the time until the next."""
        if self._rate is None:
            return self._granted(min(most, LARGEST))
        await self._turns.enter(who)
        granted = 0
        try:
            granted = await self._when_due(most)
        finally:
            self._turns.leave(who, granted)
        return self._granted(granted)

    def pass_by(self, most: int) -> int:
        """Leave for what does not wait; the others pay for it."""
        size = min(most, LARGEST)
        if self._rate is not None:
            self._owed = min(_MOST_OWED, self._owed + size / self._rate)
        return self._granted(size)

    def sent(self, size: int) -> None:
        """The line has sent `size` bytes. What was not granted before (heads of requests, small bodies) is charged."""
        known = min(size, self._unseen)
        self._unseen -= known
        if size > known and self._rate is not None:
            seconds = (size - known) / self._rate
            self._owed = min(_MOST_OWED, self._owed + seconds)
            self._keep(seconds)

    def _granted(self, size: int) -> int:
        self._unseen = min(_MOST_UNSEEN, self._unseen + size)
        return size

    async def _when_due(self, most: int) -> int:
        began = self._now()
        self._forget_what_is_long_ago(began)
        while True:
            size = min(most, self.slice_size)
            wait = self._wait(size, since=began)
            if wait <= 0:
                break
            await self._sleep(min(wait, _LOOKS_AGAIN))
        if self._rate is not None:
            self._pay(size / self._rate)
        return size

    def _forget_what_is_long_ago(self, now: float) -> None:
        late = now - self._due
        if late > WINDOW:
            self._owed = max(0.0, self._owed - late + WINDOW)
            self._due = now if late >= _IDLE else now - WINDOW

    def _wait(self, size: int, *, since: float) -> float:
        """Seconds until the next slice is due and has room in the last 100 ms; 0 for now."""
        now, rate = self._now(), self._rate
        if rate is None:
            return 0.0
        while self._recent and now - self._recent[0][0] >= WINDOW:
            self._carried -= self._recent.popleft()[1]
        due = max(self._due, self._next) - now
        full = self._recent and self._carried + size / rate > _MOST_IN_A_WINDOW * WINDOW
        if full and now - since < _PATIENT:  # heads alone must not keep a slice waiting for ever
            return max(due, self._recent[0][0] + WINDOW - now, 1e-6)
        return due if due > _NOT_WORTH_A_SLEEP else 0.0

    def _pay(self, seconds: float) -> None:
        """A slice of so many seconds goes now: for itself, and for what is owed."""
        now = self._now()
        extra = min(self._owed, seconds * (1 / TRICKLE - 1))
        self._owed -= extra
        self._due = max(self._due, now - WINDOW) + seconds + extra
        self._next = max(self._next, now - _AT_ONCE) + seconds / _CATCHING_UP
        self._keep(seconds)

    def _keep(self, seconds: float) -> None:
        self._recent.append((self._now(), seconds))
        self._carried += seconds


class Lane:
    """A bucket as one sender sees it."""

    def __init__(self, bucket: Bucket, *, who: str, evidential: bool) -> None:
        self._bucket = bucket
        self._who = who
        self._evidential = evidential

    async def take(self, most: int) -> int:
        """As `Bucket.take`; what is evidential does not wait where the site says so."""
        if self._evidential and self._bucket.bypass:
            return self._bucket.pass_by(most)
        return await self._bucket.take(most, who=self._who)


async def throttled(source: AsyncIterator[bytes], bucket: Allowance) -> AsyncIterator[bytes]:
    """The same bytes, no faster than the bucket allows. What is small enough goes as it is, uncopied."""
    try:
        async for block in source:
            start = 0
            while start < len(block):
                size = await bucket.take(len(block) - start)
                yield block[start : start + size]
                start += size
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
