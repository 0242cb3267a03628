"""Shifts, timetables and outages on the clock of a place, as moments and steps.

Rules kept here: a time of day means what the clock on the wall shows, so that on the days on which clocks are set a shift or a span is an hour
longer or shorter; which line of a timetable holds is asked of `ingest.timetable`, as a dock that runs does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dockd.planning.steps import Steps
from dockd.settings.timetable import DAYS
from dockd.settings.units import parse_duration
from ingest.timetable import Line, WallTime, next_change, planned

AN_OUTAGE = '"Fri 18:00 72 h" or "2026-11-20 18:00 72 h"'
_OUTAGE = re.compile(r"([A-Z][a-z]{2}|\d{4}-\d{2}-\d{2}) +(\d{2}):(\d{2}) +(.{1,40})")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The line is down for `seconds`, from `wall` on its first such day: a weekday (0 = Monday) or a date."""

    day: int | date
    wall: time
    seconds: float


def parse_outage(text: str) -> Outage:
    """From "Fri 18:00 72 h". Raises ValueError (WrongValue for the duration)."""
    found = _OUTAGE.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        day = DAYS.index(found[1]) if found[1] in DAYS else date.fromisoformat(found[1])
        wall = time(int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(f"{text!r} is no outage: expected such as {AN_OUTAGE}") from None
    return Outage(day=day, wall=wall, seconds=parse_duration(found[4]))


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place's clock: `zone` None is this machine's own. `first` is the first day that is looked at, `days` how many."""

    first: date
    days: int
    zone: ZoneInfo | None = None

    def moment(self, day: date, wall: time) -> float:
        """Seconds since the epoch of a time of day."""
        return datetime.combine(day, wall).replace(tzinfo=self.zone).timestamp()

    def wall(self, moment: float) -> datetime:
        """What the clock shows."""
        return datetime.fromtimestamp(moment, self.zone)

    def ends(self, times: Iterable[time]) -> list[float]:
        """When shifts end, each day; and once more after the last day, as the end of the last."""
        walls = sorted(times)
        found = {self.moment(day, wall) for day in self._each(self.days) for wall in walls}
        return [*sorted(found), self.moment(self.first + timedelta(self.days), walls[0])]

    def midnight(self, number: int) -> float:
        """The midnight at which day `number` (0: the first) begins."""
        return self.moment(self.first + timedelta(number), time())

    def _each(self, days: int) -> Iterator[date]:
        return (self.first + timedelta(number) for number in range(days))

    def limits(self, lines: Sequence[Line], *, limit: float | None, tail: int) -> Steps:
        """The rate by timetable and limit (bytes/s, None: none) over all days, and `tail` more: reckoned as a dock does that runs."""
        moment, end = self.midnight(0), self.midnight(self.days + tail)
        pieces = []
        following: float | None = moment
        while following is not None and following < end:
            moment = following
            rate = planned(lines, limit, self._shown(moment)).rate
            pieces.append((moment, math.inf if rate is None else rate))
            following = next_change(lines, limit, moment, self._shown)
        return Steps.made(pieces)

    def _shown(self, moment: float) -> WallTime:
        wall = datetime.fromtimestamp(moment, UTC).astimezone(self.zone)
        ahead = wall.utcoffset() or timedelta()
        return WallTime(
            day=wall.weekday(),
            second=wall.hour * 3600 + wall.minute * 60 + wall.second,
            ahead=int(ahead.total_seconds()),
        )

    def up(self, outages: Iterable[Outage], *, rate: float) -> Steps:
        """The line's rate, and 0 where it is down."""
        spans = sorted(self.span(outage) for outage in outages)
        pieces: list[tuple[float, float]] = [(-math.inf, rate)]
        for begin, end in _joined(spans):
            pieces += [(begin, 0.0), (end, rate)]
        return Steps.made(pieces)

    def span(self, outage: Outage) -> tuple[float, float]:
        """When it begins and ends: on its first such day, that of a weekday being counted from `first`."""
        day = outage.day
        if isinstance(day, int):
            day = self.first + timedelta((day - self.first.weekday()) % 7)
        begin = self.moment(day, outage.wall)
        return begin, begin + outage.seconds


def _joined(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Spans that overlap are one."""
    current: tuple[float, float] | None = None
    for begin, end in spans:
        if end <= begin:
            continue
        if current is not None and begin <= current[1]:
            current = (current[0], max(current[1], end))
        else:
            if current is not None:
                yield current
            current = (begin, end)
    if current is not None:
        yield current
