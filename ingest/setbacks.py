"""Segments that the store fails on, each with a waiting time of its own: one of them never keeps the store from the others.

This run's memory alone: a start, or a person who asks, tries everything again.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from ingest.errors import DockdError, Retry


@dataclass(frozen=True, kw_only=True)
class _Setback:
    times: int
    until: float
    message: str


class Setbacks:
    """`longest`: seconds from one try of a segment to the next, at most."""

    def __init__(self, *, longest: float) -> None:
        self._longest = longest
        self._known: dict[str, _Setback] = {}

    def failed(self, segment: str, error: DockdError, *, least: float = 0.0) -> int:
        """One more try that did not work; the next not before `least` seconds from now. Returns how many there were in a row."""
        before = self._known.get(segment)
        times = 1 if before is None else before.times + 1
        floor = max(least, error.after if isinstance(error, Retry) else 0.0)
        wait = backoff(times - 1, longest=self._longest, chance=random.random(), floor=floor)  # noqa: S311 - jitter
        self._known[segment] = _Setback(times=times, until=time.monotonic() + wait, message=error.message)
        return times

    def due(self, segment: str) -> bool:
        """Whether the store may be asked for it now."""
        known = self._known.get(segment)
        return known is None or known.until <= time.monotonic()

    def over(self, segment: str) -> None:
        """The store has answered for it, or nobody asks any more."""
        self._known.pop(segment, None)

    def try_now(self) -> None:
        """A person wants it tried."""
        self._known = {
            name: _Setback(times=one.times, until=0.0, message=one.message) for name, one in self._known.items()
        }

    def soonest(self) -> float | None:
        """Seconds until the first of them is due; None where there is none."""
        if not self._known:
            return None
        return max(0.0, min(one.until for one in self._known.values()) - time.monotonic())

    def said(self) -> str | None:
        """For a person: how many wait, and why one of them does."""
        if not self._known:
            return None
        last = max(self._known.values(), key=lambda one: one.until)
        return f"{len(self._known)} segments wait for the store's answer: {last.message}"


def backoff(attempts: int, *, longest: float, chance: float, floor: float = 0.0) -> float:
    """Seconds to wait before the next try: doubled, capped first, then jittered (half to whole), never under `floor`.

    Above `floor` it is jittered, too (by half of it, at most `longest`): a busy store tells all racks the same Retry-After, and they would all
    be back in that second. `chance` is from [0, 1).
    """
    capped = min(longest, 0.5 * 2.0 ** min(attempts, 32))
    return max(floor + chance * min(floor / 2, longest), capped * (0.5 + chance / 2))
