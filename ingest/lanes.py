"""How many requests with footage go to the store at once, all segments together: each takes a lane for as long as it lasts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Lanes:
    """`most` lanes at once; a change of `width` holds for the next that are taken, and cuts nobody off."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._free = asyncio.Condition()

    @property
    def width(self) -> int:
        """How many there are now."""
        return self._most

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a lane, and have it."""
        async with self._free:
            await self._free.wait_for(lambda: self._taken < self.width)
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            async with self._free:
                self._free.notify_all()
