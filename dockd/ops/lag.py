"""How late the event loop is: the one figure that shows whether anything blocks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EVERY = 0.25


async def sample_lag(tell: Callable[[float], None], *, every: float = EVERY) -> None:
    """Sleep again and again, and tell by how many seconds each wake-up came late, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        tell(max(0.0, loop.time() - due))
