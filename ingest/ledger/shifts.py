"""Shifts by times of day, and which of them a moment belongs to. Pure.

Rules: a shift begins at a time of day on the clock of a zone and ends where the next begins; so on the two days on which clocks are set, one
shift is an hour longer or shorter, and none overlaps or leaves a hole. Moments are compared, never times of day: an hour that a clock has
twice belongs to whatever began before it, and a time that a day does not have is where the clock of before would show it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

USUAL = "07:00,15:00,23:00"
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MOST = 24


@dataclass(frozen=True, kw_only=True, order=True)
class Shift:
    """`start` and `end`: seconds since the epoch, the end no part of it; `name` as people of the place say it."""

    start: float
    end: float
    name: str


@dataclass(frozen=True, kw_only=True)
class Shifts:
    """A day's shifts. `zone` None: this machine's own."""

    times: tuple[time, ...]
    zone: ZoneInfo | None = None
    _days: dict[date, list[tuple[float, datetime]]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, moment: float) -> Shift | None:
        """The shift that `moment` (seconds since the epoch) is in; None where it is no time that a calendar has."""
        try:
            today = datetime.fromtimestamp(moment, self.zone).date()
            begins = sorted(one for days in (-2, -1, 0, 1, 2) for one in self._begins(today + timedelta(days)))
        except (ValueError, OverflowError, OSError):
            return None
        after = bisect_right([start for start, _ in begins], moment)
        (start, wall), (end, wall_of_end) = begins[after - 1], begins[after]
        return Shift(start=start, end=end, name=f"{wall:%Y-%m-%d %H:%M}-{wall_of_end:%H:%M}")

    def _begins(self, day: date) -> list[tuple[float, datetime]]:
        if day not in self._days:
            walls = [datetime.combine(day, one) for one in self.times]
            self._days[day] = [(wall.replace(tzinfo=self.zone).timestamp(), wall) for wall in walls]
        return self._days[day]


def parse_shifts(text: str, *, zone: str = "") -> Shifts:
    """From "07:00,15:00,23:00", in any order, and an IANA name ("": this machine's zone). Raises ValueError with what is wrong.

    >>> [f"{one:%H:%M}" for one in parse_shifts("23:00, 7:00").times]
    ['07:00', '23:00']
    """
    found = [_TIME.fullmatch(one.strip()) for one in text.split(",")]
    times = [time(int(one[1]), int(one[2])) for one in found if one is not None]
    if len(times) < len(found) or len(set(times)) < len(times) or len(times) > _MOST:
        raise ValueError(f"{text!r} is no list of times of day: expected such as {USUAL}, each once, {_MOST} at most")
    return Shifts(times=tuple(sorted(times)), zone=zone_named(zone))


def zone_named(name: str) -> ZoneInfo | None:
    """A zone by its IANA name; None for "". Raises ValueError."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone of this machine: expected such as Europe/Berlin or UTC") from error


def moment_named(text: str, *, zone: ZoneInfo | None, end: bool = False) -> float:
    """Seconds since the epoch of "2026-11-20" (with `end`: where that day ends) or "2026-11-20T18:00[Z]". Raises ValueError."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            at = datetime.combine(date.fromisoformat(text) + timedelta(days=int(end)), time.min)
        else:
            at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: expected 2026-11-20 or 2026-11-20T18:00:00Z") from error


def wall_time(moment: float, zone: ZoneInfo | None) -> str:
    """A moment as a clock of the zone shows it, for people."""
    try:
        return f"{datetime.fromtimestamp(moment, zone):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"{datetime(1970, 1, 1, tzinfo=UTC):%Y-%m-%d %H:%M} and {moment:.0f} s"
