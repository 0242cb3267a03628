"""How much may be proven in one go, so that the proof is still good when it is used.

A store that gives nothing but its bytes is read back for each proof, over a line that may be slow. A lot that takes longer than its proof is
good for would be fetched again and again, and never be of use. So the first lot is small, the next ones follow what was measured, and
what takes too long even alone is said to do so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

REASON = "unproven_in_time"
GOOD_FOR = 540.0  # seconds: P2 calls a proof too old after ten minutes, and what rests on it takes a while too
FIRST = 256 << 20
_GROWTH = 4


class Pace:
    """`good_for`: seconds after which a lot is given up. `most`: bytes that the next lot may have (one segment may always go alone)."""

    def __init__(self, *, good_for: float = GOOD_FOR) -> None:
        self._good_for = good_for
        self.most = FIRST

    async def kept(self, work: Awaitable[T], *, size: int) -> T | None:
        """What `work`, the proof of `size` bytes, gives; None where it took so long that it was given up. Raises what `work` raises."""
        began, aim = time.monotonic(), self._good_for * 0.4
        watch = asyncio.timeout(self._good_for)
        try:
            async with watch:
                found = await work
        except TimeoutError:
            if not watch.expired():
                raise
            self.most = max(1, min(self.most, size) // _GROWTH)
            return None
        took = time.monotonic() - began
        if took > aim:
            self.most = max(1, int(size * aim / took))
        elif size * 2 >= self.most and took * _GROWTH <= aim:
            self.most *= _GROWTH
        return found

    def too_slow(self, size: int) -> str:
        """For a person, of a segment of `size` bytes that was given up alone."""
        return (
            f"the store could not prove its {size} bytes within {self._good_for / 60:.0f} minutes, and a proof is good for ten: where a store gives "
            "only the bytes back, all of them have to come over the line each time. It is kept where it is. Give the line more room, or use a "
            "store that gives receipts or digests; then dock the camera again, or pin the store (dockd store pin)"
        )
