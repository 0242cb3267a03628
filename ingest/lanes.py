"""How many requests with footage go to the store at once, all segments together: each takes a lane for as long as it lasts.

The width finds itself (`ingest.goodput`): whoever sends says how much went, and who hands out segments says whether more waits than the lanes
carry. A change holds for the next that are taken, and cuts nobody off. Of those who wait for a lane the one with the smallest `rank` is next. What
goes `ahead` (evidence) may have one lane more than there are: it does not wait for what is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from ingest.goodput import Width

Rank = Callable[[], Any]
Ahead = Callable[[], bool]


def _alike() -> tuple[int, ...]:
    return ()


def _never() -> bool:
    return False


@dataclass(eq=False, kw_only=True)
class _Asking:
    """Somebody who waits for a lane, or has one. `turn` is true for a lane, and false for one who is to wait no longer."""

    rank: Rank
    ahead: Ahead
    turn: asyncio.Future[bool]


class Lanes:
    """`most` lanes at once. `now`: seconds of a clock that does not jump. `changed` is called when there are more or fewer.

    `limited`: the most that there may be now for another reason; None for any number.
    """

    def __init__(
        self, most: int, *, now: Callable[[], float] = time.monotonic, limited: Callable[[], int | None] = lambda: None
    ) -> None:
        self.most = most
        self.taken = 0
        self.demand = False  # set by who hands out segments: more wait than there are places for
        self.changed: Callable[[], None] = lambda: None
        self.queued: Callable[[], None] = lambda: None  # called when one begins to wait while there is demand
        self._now = now
        self._width = Width(most, now=now())
        self._limited = limited
        self._waiting: list[_Asking] = []
        self._above: _Asking | None = None  # who has the one lane more

    @property
    def width(self) -> int:
        """How many there are now."""
        limited = self._limited()
        return self._width.lanes if limited is None else min(self._width.lanes, limited)

    @property
    def alone(self) -> bool:
        """Whether one is sending, and nothing else waits."""
        return self.taken <= 1 and not self._waiting and not self.demand

    @property
    def sharing(self) -> int:
        """How many divide the line now, or will in a moment."""
        return max(1, self.taken, self.width if self.demand or self._waiting else 1)

    @contextlib.asynccontextmanager
    async def one(self, rank: Rank = _alike, *, ahead: Ahead = _never) -> AsyncIterator[bool]:
        """Wait for a lane, and have it; False where it was dismissed before it had one."""
        asking = _Asking(rank=rank, ahead=ahead, turn=asyncio.get_running_loop().create_future())
        mine = await self._wait(asking)
        try:
            yield mine
        finally:
            if mine:
                self._release(asking)

    def moved(self, size: int) -> None:
        """So many bytes went by one of them."""
        wanted = (self.demand or bool(self._waiting)) and self.width == self._width.lanes
        taken = self.taken - (self._above is not None)
        if self._width.carried(size, now=self._now(), taken=taken, wanted=wanted):
            self.look()

    def cut(self) -> None:
        """The line was cut."""
        self._width.cut(self._now())

    def resize(self, most: int) -> None:
        """At most so many from now on. Those that are taken are kept until they are given back."""
        self.most = most
        self._width.resize(most, now=self._now())
        self.look()

    def look(self) -> None:
        """There may be more or fewer of them."""
        self._hand_on()
        self.changed()

    def waits(self, rank: Rank) -> bool:
        """Whether who asked with it waits for a lane."""
        return any(one.rank == rank for one in self._waiting)

    def dismiss(self, rank: Rank) -> None:
        """Who asked with it, and waits still, is to wait no longer."""
        for one in [one for one in self._waiting if one.rank == rank]:
            self._waiting.remove(one)
            if not one.turn.done():
                one.turn.set_result(False)

    async def _wait(self, asking: _Asking) -> bool:
        self._waiting.append(asking)
        self._hand_on()
        if self.demand and not asking.turn.done():
            self.queued()
        try:
            return await asking.turn
        except asyncio.CancelledError:
            self._waiting = [one for one in self._waiting if one is not asking]
            if asking.turn.done() and not asking.turn.cancelled() and asking.turn.result():
                self._release(asking)
            raise

    def _release(self, asking: _Asking) -> None:
        self.taken -= 1
        if self._above is asking:
            self._above = None
        self._hand_on()

    def _hand_on(self) -> None:
        """Free lanes go to those who wait; the first of equals."""
        if self.taken <= self.width:
            self._above = None  # its lane is one of those that there are
        while able := [one for one in self._waiting if self._free_for(one)]:
            following = min(able, key=lambda one: one.rank())
            self._waiting.remove(following)
            if not following.turn.done():
                if self.taken >= self.width:
                    self._above = following
                self.taken += 1  # it is theirs from now on, before they run
                following.turn.set_result(True)

    def _free_for(self, one: _Asking) -> bool:
        return self.taken < self.width or (one.ahead() and self._above is None)
