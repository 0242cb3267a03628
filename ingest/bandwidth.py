"""How fast dockd may send now, kept true: what a person has set for a time, else the timetable's line, else `limit`.

The wall clock is looked at every two seconds and at every change, so a clock or a zone that is set while dockd runs is followed, and nothing
adds up. A change of rate is told (`bandwidth.changed`); that a person set one, or lifted it, or that its time was over, is recorded.
A ledger that cannot be written keeps nobody from following the timetable.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ingest.clock import Clock
from ingest.errors import LedgerUnusable
from ingest.events import BandwidthChanged
from ingest.ledger import Ledger, override
from ingest.ledger.override import Override, rate_text
from ingest.store.throttle import Bucket
from ingest.timetable import Line, Planned, Wall, next_change, planned, station_wall

Source = Literal["override", "timetable", "limit", "none"]
LONGEST_OVERRIDE = 7 * 86400.0
_LOOKS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the configuration says. `limit`: bytes per second; `bypass`: evidential segments do not wait."""

    limit: float | None = None
    lines: Sequence[Line] = ()
    bypass: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What holds. `rate`: bytes per second, None for no limit; `until`: seconds since the epoch, of an override, else None."""

    rate: float | None
    source: Source
    until: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """What will hold from `at` on (seconds since the epoch)."""

    at: float
    rate: float | None
    source: Source


class Bandwidth:
    """The one that sets the bucket's rate. `rules` may be replaced while it runs; `wall` says what the station's clock shows."""

    def __init__(
        self, *, ledger: Ledger, bucket: Bucket, rules: Rules, clock: Clock, wall: Wall = station_wall
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._bucket = bucket
        self._rules = rules
        self._clock = clock
        self._wall = wall
        self._override: Override | None = None
        self._over: Override | None = None  # it has ended, and the ledger has it yet
        self._news = asyncio.Event()
        self.now = Holding(rate=None, source="none")
        self._apply(self._found())

    @property
    def rules(self) -> Rules:
        """What the configuration says."""
        return self._rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._rules = rules
        self.look()

    async def recall(self) -> None:
        """Take up what was set before the last end. Raises LedgerUnusable."""
        self._override = await self._ledger.read(lambda db: override.known(db.execute))
        self.look()

    async def set(self, rate: float | None, *, lasts: float, by: str | None = None) -> Holding:
        """A person's word (`by`): `rate` for `lasts` seconds (more than 0, at most LONGEST_OVERRIDE). Raises ValueError, LedgerUnusable."""
        if not 0 < lasts <= LONGEST_OVERRIDE:
            raise ValueError("an override lasts for some time, and at most 7 days")
        self._override = await self._ledger.commit(lambda tx: override.begin(tx, rate=rate, lasts=lasts, by=by))
        return self.look()

    async def lift(self, *, by: str | None = None) -> bool:
        """A person's word (`by`): no override any more. Returns whether there was one. Raises LedgerUnusable."""
        there = await self._ledger.commit(lambda tx: override.end(tx, why="it was lifted", by=by))
        self._override = self._over = None
        self.look()
        return there

    def look(self) -> Holding:
        """See what holds now, and hold to it."""
        found = self._found()
        if found != self.now or self._bucket.bypass != self._rules.bypass:
            before = self.now
            self._apply(found)
            if (before.rate, before.source) != (found.rate, found.source):
                self._ledger.publish(BandwidthChanged(limit=rate_text(found.rate), source=found.source))
        self._news.set()
        return found

    async def run(self) -> None:
        """Keep it true until cancelled."""
        while True:
            time.tzset()  # a zone that was set while this runs
            self.look()
            self._news.clear()
            if (over := self._over) is not None:
                with contextlib.suppress(LedgerUnusable):  # it has ended all the same; said when it can be
                    await self._ledger.commit(partial(override.end, why="its time was over", only=over))
                    self._over = None if self._over is over else self._over
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOKS, self._until_next())):
                    await self._news.wait()

    def coming(self, count: int) -> list[Coming]:
        """The next changes, as things are: the end of an override, and what the timetable says from then on."""
        at, found = self._clock.now(), list[Coming]()
        if self.now.source == "override" and self._override is not None:
            at += max(0.0, self._override.left(self._clock))
            then = self._planned(at)
            found.append(Coming(at=at, rate=then.rate, source=then.source))
        while len(found) < count:
            change = next_change(self._rules.lines, self._rules.limit, at, self._wall)
            if change is None:
                break
            at, then = change, self._planned(change)
            found.append(Coming(at=at, rate=then.rate, source=then.source))
        return found

    def _planned(self, moment: float) -> Planned:
        return planned(self._rules.lines, self._rules.limit, self._wall(moment))

    def _found(self) -> Holding:
        held = self._override
        if held is not None and held.left(self._clock) <= 0:
            self._over, self._override, held = held, None, None
        if held is not None:
            return Holding(rate=held.rate, source="override", until=held.until)
        said = self._planned(self._clock.now())
        return Holding(rate=said.rate, source=said.source)

    def _apply(self, found: Holding) -> None:
        self.now = found
        self._bucket.bypass = self._rules.bypass
        self._bucket.rate = found.rate

    def _until_next(self) -> float:
        now = self._clock.now()
        change = next_change(self._rules.lines, self._rules.limit, now, self._wall)
        left = self._override.left(self._clock) if self._override is not None else _LOOKS
        return max(0.01, min(left, change - now if change is not None else _LOOKS))
