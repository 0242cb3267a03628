"""So many at once, and another number while they are at it: whoever has a slot keeps it."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """`most` at once, in the order in which they asked. `async with slots:` waits for one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def resize(self, most: int) -> None:
        """From now on so many. More: those who wait come at once; fewer: the next waits until so many have ended."""
        self._most = most
        self._hand_on()

    async def __aenter__(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._hand_on()
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self._release()
            raise

    async def __aexit__(self, *_failure: object) -> None:
        self._release()

    def _release(self) -> None:
        self._taken -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._taken < self._most:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1  # it is theirs from now on, before they run
                turn.set_result(None)
