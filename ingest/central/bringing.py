"""Who brings an upload's bytes just now, and since when nothing has come from him.

Why: a line may die without a word, and this end learns of it last (`idle_timeout`). Its sender is back long before, over another
connection, and must be told what really arrived. Rules: only the owner's own question ends a request of his, and only one from which nothing has
come for a while; what it brought is kept as with any cut line. Whoever still sends is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

SILENT = 1.0  # seconds without a byte after which the owner's next question ends a request
_SETTLING = 10.0  # seconds that the disk gets to keep what came


class Bringing:
    """One request that brings bytes. `cut` ends its connection."""

    def __init__(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._waits_since: float | None = None
        self._over = asyncio.Event()

    def waits(self) -> None:
        """For the line to bring more."""
        self._waits_since = time.monotonic()

    def heard(self) -> None:
        """Something came; until `waits` is said again it is this end that is busy."""
        self._waits_since = None

    def ended(self) -> None:
        """The upload is no longer held."""
        self._over.set()

    async def give_way(self) -> None:
        """End it, if nothing has come for `SILENT` seconds, and wait until what it brought is kept."""
        if self._waits_since is None or time.monotonic() - self._waits_since < SILENT:
            return
        self._cut()
        try:
            async with asyncio.timeout(_SETTLING):
                await self._over.wait()
        except TimeoutError:
            return  # the disk is slow: the answer is what is durable by now
