"""Which line of the bandwidth timetable holds at an instant, and when that changes. Pure: instants in, answers out.

Rules, kept literally: what counts is what the clock on the station's wall shows, weekday and time. A line that goes over midnight belongs to
the day on which it begins, and holds on into the next, also from Sunday into Monday. Of several lines that hold the first one written wins;
where none holds, `limit` does. Where the wall clock leaps (spring) what it never shows never holds; where it shows an hour twice (autumn) a
line for that hour holds twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

DAY = 86400
_AHEAD = 8 * DAY  # a week, and a day for the hours that it may be longer by
_FINE = 0.5  # seconds: a leap of the wall clock is found to within


class Line(Protocol):
    """One line: weekdays on which it begins (0 is Monday), minutes since midnight, bytes per second (None: no limit)."""

    @property
    def days(self) -> frozenset[int]:
        """Weekdays."""
        ...

    @property
    def begin(self) -> int:
        """Minutes."""
        ...

    @property
    def end(self) -> int:
        """Minutes; less than `begin` where it goes over midnight."""
        ...

    @property
    def rate(self) -> float | None:
        """Bytes per second."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class WallTime:
    """What the station's wall shows: weekday (0 is Monday), second of the day, and how far ahead of UTC it is, in seconds."""

    day: int
    second: int
    ahead: int


Wall = Callable[[float], WallTime]


def station_wall(moment: float) -> WallTime:
    """In the zone that this machine has now."""
    said = time.localtime(moment)
    return WallTime(
        day=said.tm_wday, second=said.tm_hour * 3600 + said.tm_min * 60 + min(said.tm_sec, 59), ahead=said.tm_gmtoff
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What the configuration says for an instant. `rate`: bytes per second, None for no limit."""

    rate: float | None
    source: Literal["timetable", "limit", "none"]


def holds(line: Line, wall: WallTime) -> bool:
    """Whether a line holds while the wall shows that."""
    minute = wall.second // 60
    if line.begin < line.end:
        return wall.day in line.days and line.begin <= minute < line.end
    return (wall.day in line.days and minute >= line.begin) or ((wall.day - 1) % 7 in line.days and minute < line.end)


def planned(lines: Sequence[Line], limit: float | None, wall: WallTime) -> Planned:
    """What holds while the wall shows that: the first line that does, else `limit`."""
    for line in lines:
        if holds(line, wall):
            return Planned(rate=line.rate, source="timetable")
    return Planned(rate=limit, source="none" if limit is None else "limit")


def next_change(lines: Sequence[Line], limit: float | None, moment: float, wall: Wall) -> float | None:
    """When something else will hold than at `moment`, at most eight days ahead; None if nothing does."""
    edges = sorted({minute * 60 % DAY for line in lines for minute in (line.begin, line.end)})
    if not edges:
        return None
    now = planned(lines, limit, wall(moment))
    at = moment
    while at < moment + _AHEAD:
        at = _next_edge(edges, at, wall)
        if planned(lines, limit, wall(at)) != now:
            return at
    return None


def _next_edge(edges: Sequence[int], at: float, wall: Wall) -> float:
    """The next instant at which the wall shows an edge, or leaps."""
    here = wall(at)
    into = here.second + at % 1.0  # zones are whole seconds from UTC
    to_go = min((edge - into) % DAY or DAY for edge in edges)
    edge = at + to_go
    if wall(edge).ahead == here.ahead:
        return edge
    before, after = at, edge
    while after - before > _FINE:
        middle = (before + after) / 2
        if wall(middle).ahead == here.ahead:
            before = middle
        else:
            after = middle
    leap = float(int(after))
    return leap if leap > at and wall(leap).ahead != here.ahead else after
