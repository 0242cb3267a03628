"""The lines of `[bandwidth] timetable`: which days, from when to when, how fast.

    DAYS HH:MM-HH:MM RATE      "Mon-Fri 07:00-19:00 20 Mbit/s", "Sat,Sun 00:00-24:00 unlimited"

Rules kept here: local time as the station's clock shows it; a span whose end is before its begin goes over midnight
and belongs to the day on which it begins; a span of no length is refused, for one reader takes it as never and another
as always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dockd.settings.mistakes import WrongValue, shown
from dockd.settings.units import parse_rate

A_LINE = 'a line such as "Mon-Fri 07:00-19:00 20 Mbit/s" or "Sat,Sun 00:00-24:00 unlimited"'

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE = re.compile(r"([A-Za-z,-]{3,40}) +([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2}) +(.{1,40})")


@dataclass(frozen=True, kw_only=True, slots=True)
class TimetableLine:
    """One line of the timetable.

    `days`: weekdays on which the span begins, 0 = Monday; `begin` and `end`: minutes since midnight, local time, `end`
    up to 1440; `end < begin` goes over midnight; `rate`: bytes per second, None = unlimited.
    """

    days: frozenset[int]
    begin: int
    end: int
    rate: float | None


def parse_line(text: str) -> TimetableLine:
    """One line of the timetable from its text. Raises WrongValue."""
    found = _LINE.fullmatch(text.strip(" "))
    if found is None:
        raise WrongValue(f"{shown(text)} is no timetable line", A_LINE)
    begin, end = _minutes(found[2], found[3], text), _minutes(found[4], found[5], text)
    if begin == end or begin == 1440:
        raise WrongValue(f"{shown(text)} is a span of no length", A_LINE + " (00:00-24:00 is the whole day)")
    rate = None if found[6] == "unlimited" else parse_rate(found[6])
    return TimetableLine(days=_days(found[1], text), begin=begin, end=end, rate=rate)


def _minutes(hours: str, minutes: str, text: str) -> int:
    time = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or time > 1440:
        raise WrongValue(f"{shown(text)}: {hours}:{minutes} is no time of day", A_LINE)
    return time


def _days(names: str, text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in names.split(","):
        first, dash, last = part.partition("-")
        ends = (first, last) if dash else (first, first)
        for name in ends:
            if name not in DAYS:
                raise WrongValue(f"{shown(text)}: {shown(name)} is no day", "days out of " + ", ".join(DAYS))
        begin, end = DAYS.index(ends[0]), DAYS.index(ends[1])
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)
