"""How many requests with footage go to the store at once, all segments together: each takes a lane for as long as it lasts.

The width finds itself (`ingest.goodput`): whoever sends says how much went, and who hands out segments says whether more waits than the lanes
carry. A change holds for the next that are taken, and cuts nobody off. Of those who wait for a lane the one with the smallest `rank` is next.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from ingest.goodput import Width

Rank = Callable[[], Any]


def _alike() -> tuple[int, ...]:
    return ()


class Lanes:
    """`most` lanes at once. `now`: seconds of a clock that does not jump. `changed` is called when there are more or fewer."""

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.taken = 0
        self.demand = False  # set by who hands out segments: more wait than there are places for
        self.changed: Callable[[], None] = lambda: None
        self._now = now
        self._width = Width(most, now=now())
        self._waiting: list[tuple[Rank, asyncio.Future[None]]] = []

    @property
    def width(self) -> int:
        """How many there are now."""
        return self._width.lanes

    @contextlib.asynccontextmanager
    async def one(self, rank: Rank = _alike) -> AsyncIterator[None]:
        """Wait for a lane, and have it."""
        if self.taken >= self.width or self._waiting:
            await self._wait(rank)
        else:
            self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._hand_on()

    def moved(self, size: int) -> None:
        """So many bytes went by one of them."""
        wanted = self.demand or bool(self._waiting)
        if self._width.carried(size, now=self._now(), taken=self.taken, wanted=wanted):
            self._hand_on()
            self.changed()

    def cut(self) -> None:
        """The line was cut."""
        self._width.cut(self._now())

    async def _wait(self, rank: Rank) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rank, turn))
        self._hand_on()
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting = [one for one in self._waiting if one[1] is not turn]
            if turn.done() and not turn.cancelled():
                self.taken -= 1
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        """Free lanes go to those who wait; the first of equals."""
        while self.taken < self.width and self._waiting:
            least = min(range(len(self._waiting)), key=lambda place: self._waiting[place][0]())
            _rank, turn = self._waiting.pop(least)
            if not turn.done():
                self.taken += 1  # it is theirs from now on, before they run
                turn.set_result(None)
