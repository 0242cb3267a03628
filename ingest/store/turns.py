"""Whose turn it is: one at a time, and of those who wait the one whose camera has had least.

A camera with eight connections gets no more than one with a single one. Who comes anew, or was away, begins where the others are: being away
earns nothing, but a turn that comes round while its owner is just writing the last slice is not lost (a few slices are made good).
"""

from __future__ import annotations

import asyncio
from collections import deque

_MADE_GOOD = 8  # turns of the size of the larger ones of late
_FADES = 0.95  # with each turn
_MOST_KNOWN = 256  # cameras whose share is remembered while they do not wait


class Turns:
    """`await enter(who)`, then `leave(who, size)` with what it had. In the order of coming within one `who`."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._had: dict[str, float] = {}
        self._level = 0.0
        self._large = 0.0

    async def enter(self, who: str) -> None:
        """Wait for the turn. Who is cancelled while it is given passes it on."""
        self._had[who] = max(self._had.get(who, self._level), self._level - _MADE_GOOD * self._large)
        if not self._busy:
            self._busy = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    def leave(self, who: str, size: int) -> None:
        """The turn is over; `size` bytes were had in it."""
        before = self._had.get(who, self._level)
        self._level = max(self._level, before)
        self._had[who] = before + size
        self._large = max(size, self._large * _FADES)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            who = min(self._waiting, key=lambda one: self._had.get(one, self._level))
            queue = self._waiting[who]
            turn = queue.popleft()
            if not queue:
                del self._waiting[who]
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
        if len(self._had) > _MOST_KNOWN:
            self._had = {who: had for who, had in self._had.items() if had > self._level}
